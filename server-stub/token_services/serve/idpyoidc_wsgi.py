"""idpyoidc's token endpoint with the clients of a file, on loopback: idpyoidc_wsgi.py PORT CLIENTS"""

import json
import sys
import urllib.parse
from wsgiref.simple_server import make_server

from idpyoidc.server import Server
from idpyoidc.server.configure import ASConfiguration
from idpyoidc.server.exception import UnAuthorizedClient

PORT, SETUP = int(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
ISSUER = f"http://127.0.0.1:{PORT}"
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
JWT_TOKENS = {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 300, "aud": [SETUP["audience"]]}}

server = Server(ASConfiguration({
    "issuer": ISSUER,
    "key_conf": {"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}]},
    "endpoint": {"token": {"path": "token", "class": "idpyoidc.server.oauth2.token.Token",
                           "kwargs": {"client_authn_method": METHODS}}},
    "session_params": {"encrypter": {"kwargs": {"keys": {"key_defs": [
        {"type": "OCT", "use": ["enc"], "kid": "password"}, {"type": "OCT", "use": ["enc"], "kid": "salt"}]}}}},
    "token_handler_args": {"code": JWT_TOKENS, "token": JWT_TOKENS, "key_conf": {"key_defs": []}},
}))
for client in SETUP["clients"]:
    methods = METHODS[2:] if "key" in client else METHODS[:2]
    server.context.cdb[client["id"]] = {
        "client_secret": client.get("secret", ""), "client_authn_method": methods, "allowed_scopes": ["run"],
        "grant_types_supported": ["client_credentials"],
    }
    if "key" in client:
        server.keyjar.import_jwks({"keys": [client["key"]]}, client["id"])


def answer(form, headers):
    """The token endpoint's status and answer."""
    endpoint = server.get_endpoint("token")
    try:
        request = endpoint.parse_request(form, http_info={"headers": headers, "method": "POST", "url": ISSUER + "/token"})
    except UnAuthorizedClient:
        return "401 Unauthorized", {"error": "invalid_client"}
    result = request if "error" in request else endpoint.process_request(request)
    if "error" in result:
        return "400 Bad Request", result.to_dict()
    return "200 OK", json.loads(endpoint.do_response(request=request, **result)["response"])


def application(environ, start_response):
    form = dict(urllib.parse.parse_qsl(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()))
    headers = {"authorization": environ["HTTP_AUTHORIZATION"]} if "HTTP_AUTHORIZATION" in environ else {}
    status, body = answer(form, headers)
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


make_server("127.0.0.1", PORT, application).serve_forever()
