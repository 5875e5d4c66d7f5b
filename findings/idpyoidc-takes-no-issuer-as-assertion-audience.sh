#!/usr/bin/env bash
# idpyoidc 5.0.0: the token endpoint takes an assertion of private_key_jwt only if its aud has the endpoint's URL, alone or in a
# list. The server's issuer, which its discovery document names and which draft-ietf-oauth-rfc7523bis makes the one value that
# is allowed, is refused, and no setting changes that. Keycloak takes either and refuses a list of two.
# There is no aud that every server takes: a client needs a setting for it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    idpyoidc==5.0.0 cryptojwt==1.11.0 cryptography==50.0.2
seen=$("$work/venv/bin/python" - <<'END'
import uuid

from cryptojwt import JWT
from cryptojwt.key_jar import init_key_jar
from idpyoidc.server import Server
from idpyoidc.server.configure import ASConfiguration
from idpyoidc.server.exception import UnAuthorizedClient

ISSUER, ENDPOINT = "https://sts.example", "https://sts.example/token"
oct_keys = [{"type": "OCT", "use": ["enc"], "kid": kid} for kid in ("password", "salt")]
server = Server(ASConfiguration({
    "issuer": ISSUER,
    "key_conf": {"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}]},
    "endpoint": {"token": {"path": "token", "class": "idpyoidc.server.oauth2.token.Token",
                           "kwargs": {"client_authn_method": ["private_key_jwt"]}}},
    "session_params": {"encrypter": {"kwargs": {"keys": {"key_defs": oct_keys}}}},
    "token_handler_args": {"token": {"lifetime": 300}, "code": {"lifetime": 300}, "key_conf": {"key_defs": oct_keys}},
}))
server.context.cdb["c"] = {"client_authn_method": ["private_key_jwt"], "allowed_scopes": ["run"],
                           "grant_types_supported": ["client_credentials"]}
keys = init_key_jar(key_defs=[{"type": "EC", "crv": "P-256", "use": ["sig"]}], issuer_id="c")
server.keyjar.import_jwks(keys.export_jwks(issuer_id="c"), "c")
endpoint = server.get_endpoint("token")
for name, aud in [("endpoint", ENDPOINT), ("issuer", ISSUER), ("both", [ISSUER, ENDPOINT])]:
    signer = JWT(keys, iss="c", lifetime=60, sign_alg="ES256")
    assertion = signer.pack({"sub": "c", "jti": uuid.uuid4().hex}, aud=aud, issuer_id="c")
    form = {"grant_type": "client_credentials", "client_id": "c", "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    try:
        endpoint.parse_request(form, http_info={"headers": {}, "method": "POST", "url": ENDPOINT})
        print(f"{name}: accepted")
    except UnAuthorizedClient:
        print(f"{name}: refused")
END
)
printf '%s\n' "$seen"
expected='endpoint: accepted
issuer: refused
both: accepted'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
