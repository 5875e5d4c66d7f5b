#!/usr/bin/env bash
# Authlib 1.9.10 and idpyoidc 5.0.0: of the three ways to write a space into the header of client_secret_basic, each
# library on the server's side reads another set. RFC 6749, section 2.3.1, has id and secret form-encoded, by which "+" and
# "%20" are a space and a raw one does not occur. Authlib decodes "%20" and leaves "+"; idpyoidc decodes nothing, so that it
# refuses a secret with any character that a client encodes.
# A client should write a space as %20, encode no more than it must, and prefer client_secret_post.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    authlib==1.9.10 joserfc==1.8.0 idpyoidc==5.0.0 cryptojwt==1.11.0 cryptography==50.0.2
seen=$("$work/venv/bin/python" - <<'END'
from base64 import b64encode

from authlib.oauth2.rfc6749.util import extract_basic_authorization
from idpyoidc.server.client_authn import basic_authn

for secret in ("a+b", "a%20b", "a b"):
    header = "Basic " + b64encode(f"client:{secret}".encode()).decode()
    authlib = extract_basic_authorization({"Authorization": header})[1]
    print(f"{secret!r}: Authlib {authlib!r}, idpyoidc {basic_authn(header)['secret']!r}")
END
)
printf '%s\n' "$seen"
expected="'a+b': Authlib 'a+b', idpyoidc 'a+b'
'a%20b': Authlib 'a b', idpyoidc 'a%20b'
'a b': Authlib 'a b', idpyoidc 'a b'"
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
