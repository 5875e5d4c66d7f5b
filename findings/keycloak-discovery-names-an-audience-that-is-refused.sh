#!/usr/bin/env bash
# Keycloak 26.7.3 with --hostname and --hostname-backchannel-dynamic: the discovery document has the token endpoint at the
# address of the request, where clients inside of a network reach it. A client assertion (RFC 7523, section 3, suggests
# the token endpoint's URL as `aud`) for just that URL is refused as "Invalid token audience": only the issuer and the
# endpoints below it count. Use the issuer as the audience of assertions.
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

options=(--hostname=https://sts.example --hostname-backchannel-dynamic=true)
start_keycloak <<'END'
{"realm": "finding", "enabled": true, "clients": [
  {"clientId": "service", "secret": "a-secret-of-more-than-thirty-two-bytes", "serviceAccountsEnabled": true,
   "clientAuthenticatorType": "client-secret-jwt"}
]}
END

# told AUDIENCE: the answer to an assertion for it.
told() {
    assertion=$(python3 - "$1" <<'END'
import base64, hashlib, hmac, json, sys, time, uuid
encoded = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
now = int(time.time())
claims = {"iss": "service", "sub": "service", "aud": sys.argv[1], "jti": str(uuid.uuid4()), "iat": now, "exp": now + 30}
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

# discovered MEMBER: of the discovery document.
discovered() {
    curl -s "$url/realms/finding/.well-known/openid-configuration" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

issuer=$(discovered issuer)
endpoint=$(discovered token_endpoint)
seen=$(
    echo "issuer: $issuer"
    echo "token endpoint: ${endpoint/"$url"/URL}"
    echo "for the issuer: $(told "$issuer")"
    echo "for the token endpoint: $(told "$endpoint")"
    echo "for a token endpoint below the issuer: $(told "$issuer/protocol/openid-connect/token")"
)
judge "issuer: https://sts.example/realms/finding
token endpoint: URL/realms/finding/protocol/openid-connect/token
for the issuer: token
for the token endpoint: Invalid token audience
for a token endpoint below the issuer: token" "$seen"
