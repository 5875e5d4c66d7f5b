"""Authlib's token endpoint in Flask with the clients of a file, on loopback: authlib_flask.py PORT CLIENTS

As its documentation has it: what a server must implement is implemented here in the shortest way. Its tokens are JWTs
(RFC 9068); the library leaves it to the server which audience they name.
"""

import json
import os
import sys

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask
from joserfc import jwk

PORT, SETUP = int(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
ISSUER = f"http://127.0.0.1:{PORT}"
ENDPOINT = ISSUER + "/token"
SIGNING_KEY = jwk.generate_key("RSA", 2048, {"use": "sig", "alg": "RS256", "kid": "server"})
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


class Client(ClientMixin):
    def __init__(self, id, secret=None, key=None, algorithm=None):
        self.id, self.secret, self.key = id, secret, key

    def get_client_id(self):
        return self.id

    def get_allowed_scope(self, scope):
        return scope or ""

    def check_client_secret(self, secret):
        return secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        return (method == Assertion.CLIENT_AUTH_METHOD) == (self.key is not None)

    def check_grant_type(self, grant_type):
        return True


class Assertion(JWTBearerClientAssertion):
    seen = set()

    def get_audiences(self):
        return [ENDPOINT, ISSUER]

    def validate_jti(self, claims, jti):
        is_new = jti not in self.seen
        self.seen.add(jti)
        return is_new

    def resolve_client_public_key(self, client):
        return jwk.import_key(client.key)


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", Assertion.CLIENT_AUTH_METHOD]


class Tokens(JWTBearerTokenGenerator):
    def get_jwks(self):
        return jwk.KeySet([SIGNING_KEY])

    def get_audiences(self, client, user, scope):
        return SETUP["audience"]


CLIENTS = {client["id"]: Client(**client) for client in SETUP["clients"]}
app = Flask(__name__)
server = AuthorizationServer(app, query_client=CLIENTS.get, save_token=lambda token, request: None)
server.register_client_auth_method(Assertion.CLIENT_AUTH_METHOD, Assertion())
server.register_grant(ClientCredentials)
server.register_token_generator("default", Tokens(ISSUER))


@app.post("/token")
def token():
    return server.create_token_response()


app.run("127.0.0.1", PORT)
