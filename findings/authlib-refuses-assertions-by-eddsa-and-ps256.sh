#!/usr/bin/env bash
# Authlib 1.9.10 with joserfc 1.8.0: JWTBearerClientAssertion, the server's side of private_key_jwt, takes assertions by RS256
# and ES256 alone. One by PS256 or Ed25519 (under its old name EdDSA and its new one) is "not recommended", whatever the
# client's registered key says, and no parameter or setting allows it: a server has to replace process_assertion_claims.
# A client that can sign in several ways should register ES256.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check authlib==1.9.10 joserfc==1.8.0 cryptography==50.0.2
seen=$("$work/venv/bin/python" -W ignore - <<'END'
import time

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwk, jwt


class Assertion(JWTBearerClientAssertion):
    def get_audiences(self):
        return ["https://sts.example"]

    def validate_jti(self, claims, jti):
        return True


for alg, kty, size in [("RS256", "RSA", 2048), ("PS256", "RSA", 2048), ("ES256", "EC", "P-256"),
                       ("EdDSA", "OKP", "Ed25519"), ("Ed25519", "OKP", "Ed25519")]:
    key = jwk.generate_key(kty, size, {"alg": alg, "use": "sig"})
    claims = {"iss": "c", "sub": "c", "aud": "https://sts.example", "exp": int(time.time()) + 60, "jti": alg}
    assertion = jwt.encode({"alg": alg}, claims, key, algorithms=[alg])
    public = jwk.import_key(key.as_dict(private=False))
    try:
        Assertion().process_assertion_claims(assertion, public)
        print(alg, "accepted")
    except InvalidClientError as refusal:
        print(alg, "refused:", refusal.description)
END
)
printf '%s\n' "$seen"
expected="RS256 accepted
PS256 refused: Algorithm of 'PS256' is not recommended
ES256 accepted
EdDSA refused: Algorithm of 'EdDSA' is not recommended
Ed25519 refused: Algorithm of 'Ed25519' is not recommended"
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
