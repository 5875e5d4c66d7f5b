#!/usr/bin/env bash
# Keycloak 26.7.3, client authentication by a signed JWT (RFC 7523): the tolerated error of 15 s is one-sided. An
# assertion issued 10 s in the future is taken, one whose `exp` passed 2 s ago is not. The life of an assertion is not
# limited by `exp` (a year is taken) but by `iat`, which may be 60 s old; and `iat` is not required. So a client with a
# slow clock has to set `exp` generously, and need not fear to do so.
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

start_keycloak <<'END'
{"realm": "finding", "enabled": true, "clients": [
  {"clientId": "service", "secret": "a-secret-of-more-than-thirty-two-bytes", "serviceAccountsEnabled": true,
   "clientAuthenticatorType": "client-secret-jwt"}
]}
END

# told IAT EXP: the answer to an assertion with these times, seconds from now; without `iat` for "-".
told() {
    assertion=$(python3 - "$url" "$@" <<'END'
import base64, hashlib, hmac, json, sys, time, uuid
url, iat, exp = sys.argv[1:]
now = int(time.time())
encoded = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
claims = {"iss": "service", "sub": "service", "aud": f"{url}/realms/finding", "jti": str(uuid.uuid4()), "exp": now + int(exp)}
if iat != "-":
    claims["iat"] = now + int(iat)
signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
key = b"a-secret-of-more-than-thirty-two-bytes"
print(signed + "." + encoded(hmac.new(key, signed.encode(), hashlib.sha256).digest()))
END
    )
    ask_token -d grant_type=client_credentials --data-urlencode "client_assertion=$assertion" \
        -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer | python3 -c '
import json, sys
said = json.loads(sys.stdin.readline())
print(said.get("error_description", "token"))'
}

seen=$(
    echo "now, for 30 s: $(told 0 30)"
    echo "issued in 10 s: $(told 10 40)"
    echo "expired 2 s ago: $(told -30 -2)"
    echo "for a year: $(told 0 31000000)"
    echo "issued 90 s ago, for another 30 s: $(told -90 30)"
    echo "without iat, for 30 s: $(told - 30)"
)
judge "now, for 30 s: token
issued in 10 s: token
expired 2 s ago: Token is not active
for a year: token
issued 90 s ago, for another 30 s: Token was issued too far in the past to be used now
without iat, for 30 s: token" "$seen"
