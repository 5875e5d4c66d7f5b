#!/usr/bin/env bash
# idpyoidc 5.0.0: its answer to client credentials has "token_type": "access_token", though the token is one to be sent as
# "Bearer". That is the name of a class inside the library. RFC 6749, section 7.1, has clients use no token whose type they do
# not know, so a careful client refuses it, and one that builds the header from token_type sends "access_token …".
# A client needs no mend; a server on this library has to put the type right in what it sends.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    idpyoidc==5.0.0 cryptojwt==1.11.0 cryptography==50.0.2
seen=$("$work/venv/bin/python" - <<'END'
import json

from idpyoidc.server import Server
from idpyoidc.server.configure import ASConfiguration

oct_keys = [{"type": "OCT", "use": ["enc"], "kid": kid} for kid in ("password", "salt")]
server = Server(ASConfiguration({
    "issuer": "https://sts.example",
    "key_conf": {"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}]},
    "endpoint": {"token": {"path": "token", "class": "idpyoidc.server.oauth2.token.Token",
                           "kwargs": {"client_authn_method": ["client_secret_post"]}}},
    "session_params": {"encrypter": {"kwargs": {"keys": {"key_defs": oct_keys}}}},
    "token_handler_args": {"token": {"lifetime": 300}, "code": {"lifetime": 300},
                           "key_conf": {"key_defs": oct_keys}},
}))
server.context.cdb["c"] = {"client_secret": "secret", "client_authn_method": ["client_secret_post"],
                           "grant_types_supported": ["client_credentials"], "allowed_scopes": ["run"]}
endpoint = server.get_endpoint("token")
form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "secret"}
request = endpoint.parse_request(form, http_info={"headers": {}, "method": "POST", "url": "https://sts.example/token"})
answer = json.loads(endpoint.do_response(request=request, **endpoint.process_request(request))["response"])
print("token_type:", answer["token_type"])
END
)
printf '%s\n' "$seen"
expected='token_type: access_token'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
