#!/usr/bin/env python3
"""Asks a running Keycloak what cases.py lists and writes the answers for the stub's tests:

    server-stub/keycloak/record.py URL VERSION    # URL of a Keycloak whose administrator is admin, password admin

It imports realm.json with new keys, writes tests/fixtures/keycloak.json, and prints where Keycloak did not answer as
expected. Needs Python's `cryptography`.
"""

import base64
import dataclasses
import hashlib
import http.client
import json
import re
import sys
import time
import urllib.parse
import uuid
from pathlib import Path

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from cases import CASES, Assertion

HERE = Path(__file__).parent
FIXTURE = HERE.parent / "tests/fixtures/keycloak.json"
HEADERS = ("allow", "cache-control", "content-type", "location", "pragma", "www-authenticate")
KEYS = ("jwt-es", "jwt-ed", "jwt-rs", "jwt-ps", "stranger")
ALGORITHMS = {"jwt-es": "ES256", "jwt-ed": "EdDSA", "jwt-rs": "RS256", "jwt-ps": "PS256"}


def main():
    url, version = sys.argv[1:]
    service = Service(url)
    keys = {name: Key(name) for name in KEYS}
    Administrator(service).imports(realm(keys))
    administrator = Administrator(service)
    recorder = Recorder(service, keys)
    exchanges, missed = [], []
    for case in CASES:
        if case.name == "exchange_of_expired_subject":
            time.sleep(2)
        if case.before:
            administrator.does(*case.before.split(" ", 1))
        recorded = recorder.record(case)
        exchanges.append(recorded)
        got = summary(recorded["response"])
        if not got.startswith(case.expected):
            missed.append((case.name, case.expected, got))
    source = f"answers recorded from Keycloak {version}; what differs each time is replaced by a name in angle brackets"
    FIXTURE.write_text(json.dumps({"source": source, "exchanges": exchanges}, indent=1, ensure_ascii=False) + "\n")
    for name, expected, got in missed:
        print(f"{name:<44} expected {expected:<32} got {got}")
    print(f"{len(missed)} of {len(CASES)} expectations missed")


def summary(response):
    """Status, error and description."""
    body = response["body"]
    told = [str(response["status"])]
    if isinstance(body, dict):
        told += [body[name] for name in ("error", "error_description") if isinstance(body.get(name), str)]
    return " ".join(told)


def realm(keys):
    """The realm file with the public keys filled in."""
    text = (HERE / "realm.json").read_text()

    def filled(found):
        jwks = {"keys": [keys[name].jwk() for name in found[1].split()]}
        return json.dumps(json.dumps(jwks))[1:-1]

    return json.loads(re.sub(r"<jwks ([^>]*)>", filled, text))


class Service:
    """One Keycloak."""

    def __init__(self, url):
        self.url = url
        self._at = urllib.parse.urlsplit(url).netloc

    def ask(self, method, path, headers, body):
        """Status, headers and body."""
        connection = http.client.HTTPConnection(self._at, timeout=60)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode()


class Administrator:
    """What an administrator does."""

    def __init__(self, service):
        self._service = service

    def imports(self, realm):
        """Replaces the realm."""
        self._call("DELETE", f"/admin/realms/{realm['realm']}", None, missing_is_fine=True)
        self._call("POST", "/admin/realms", realm)
        self._realm = realm["realm"]

    def does(self, what, client=None):
        """Does what a case names."""
        if what == "rotate":
            realm_id = self._call("GET", "/admin/realms/wire", None)["id"]
            self._call("POST", "/admin/realms/wire/components", {
                "name": "newer", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
                "parentId": realm_id, "config": {"priority": ["1000"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]},
            })
            return
        found, = self._call("GET", f"/admin/realms/wire/clients?clientId={urllib.parse.quote(client)}", None)
        self._call("PUT", f"/admin/realms/wire/clients/{found['id']}", {**found, "enabled": what == "enable"})

    def _call(self, method, path, value, missing_is_fine=False):
        form = urllib.parse.urlencode({"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"})
        _, _, told = self._service.ask("POST", "/realms/master/protocol/openid-connect/token", {
            "Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"}, form.encode())
        headers = {"Host": "localhost", "Authorization": f"Bearer {json.loads(told)['access_token']}", "Content-Type": "application/json"}
        body = None if value is None else json.dumps(value).encode()
        status, _, told = self._service.ask(method, path, headers, body)
        if status >= 400 and not (missing_is_fine and status == 404):
            raise RuntimeError(f"{method} {path}: {status} {told}")
        return json.loads(told) if told else None


class Key:
    """A private key."""

    def __init__(self, name):
        self.name = name
        self._key = {
            "jwt-ed": ed25519.Ed25519PrivateKey.generate,
            "jwt-rs": lambda: rsa.generate_private_key(65537, 2048),
            "jwt-ps": lambda: rsa.generate_private_key(65537, 2048),
        }.get(name, lambda: ec.generate_private_key(ec.SECP256R1()))()

    def jwk(self):
        """The public half."""
        numbers = getattr(self._key.public_key(), "public_numbers", lambda: None)()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            members = {"kty": "OKP", "crv": "Ed25519", "x": encoded(self._key.public_key().public_bytes_raw())}
        elif isinstance(self._key, rsa.RSAPrivateKey):
            members = {"kty": "RSA", "n": encoded(numbers.n.to_bytes(256)), "e": "AQAB"}
        else:
            members = {"kty": "EC", "crv": "P-256", "x": encoded(numbers.x.to_bytes(32)), "y": encoded(numbers.y.to_bytes(32))}
        algorithm = {"alg": ALGORITHMS[self.name]} if self.name in ALGORITHMS else {}
        return {**members, "kid": self.name, "use": "sig", **algorithm}

    def sign(self, algorithm, data):
        """The signature of a JWS."""
        if algorithm == "EdDSA":
            return self._key.sign(data)
        if algorithm == "ES256":
            r, s = utils.decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        scheme = padding.PKCS1v15() if algorithm == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return self._key.sign(data, scheme, hashes.SHA256())


class Recorder:
    """Asks, and keeps what later cases need."""

    def __init__(self, service, keys):
        self._service = service
        self._keys = keys
        self._tokens = {}
        self._ids = {}

    def record(self, case):
        """The request as it stands in the fixture, and the answer."""
        headers = {"Host": urllib.parse.urlsplit(self._service.url).netloc, "Accept": "application/json"}
        if case.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers.update(case.headers)
        headers = {name: value for name, value in headers.items() if value is not None}
        body = case.body
        if case.form is not None:
            body = urllib.parse.urlencode([(name, self._filled(value, case.name)) for name, value in case.form])
        status, answered, text = self._service.ask(case.method, case.path, headers, None if body is None else body.encode())
        request = {"method": case.method, "path": case.path, "headers": {k: v for k, v in headers.items() if k != "Host"}}
        if case.form is not None:
            request["form"] = [[name, plain(value)] for name, value in case.form]
        elif body is not None:
            request["body"] = body
        kept = {name: self._named(answered[name]) for name in HEADERS if name in answered}
        recorded = {"name": case.name, "expected": case.expected}
        if case.before:
            recorded["before"] = case.before
        return {**recorded, "request": request, "response": {"status": status, "headers": kept, "body": self._body(case.name, text)}}

    def _filled(self, value, name):
        if isinstance(value, Assertion):
            return self._signed(value, name)
        return re.sub(r"\{token (\w+)( cut)?\}", lambda found: self._tokens[found[1]][: -20 if found[2] else None], self._placed(value))

    def _placed(self, value):
        if isinstance(value, list):
            return [self._placed(one) for one in value]
        issuer = f"{self._service.url}/realms/wire"
        return value.replace("{issuer}", issuer).replace("{token_endpoint}", f"{issuer}/protocol/openid-connect/token")

    def _signed(self, assertion, name):
        algorithm = assertion.algorithm or ALGORITHMS[assertion.client]
        key = assertion.key or assertion.client
        self._ids[name] = self._ids[assertion.again] if assertion.again else str(uuid.uuid4())
        claims = {"iss": assertion.client, "sub": assertion.client, "aud": "{issuer}", "jti": self._ids[name],
                  "iat": "now+0", "exp": "now+30", **assertion.claims}
        header = {"alg": algorithm, "typ": "JWT", "kid": key, **assertion.header}
        data = ".".join(encoded(json.dumps(self._claims(part)).encode()) for part in (header, claims))
        if algorithm == "none":
            return data + "."
        if algorithm == "HS256":
            mac = hmac.HMAC(f"{assertion.client}-secret".encode(), hashes.SHA256())
            mac.update(data.encode())
            return f"{data}.{encoded(mac.finalize())}"
        return f"{data}.{encoded(self._keys[key].sign(algorithm, data.encode()))}"

    def _claims(self, members):
        filled = {}
        for name, value in members.items():
            if isinstance(value, str) and (found := re.fullmatch(r"now([+-][\d.]+)", value)):
                later = float(found[1])
                value = time.time() + later if "." in found[1] else int(time.time()) + int(later)
            elif value is not None and name == "aud":
                value = self._placed(value)
            if value is not None:
                filled[name] = value
        return filled

    def _named(self, text):
        return text.replace(self._service.url, "<url>")

    def _body(self, name, text):
        try:
            body = json.loads(text)
        except ValueError:
            return self._named(text)
        if isinstance(body, dict) and isinstance(body.get("access_token"), str):
            self._tokens[name] = body["access_token"]
            body["access_token"] = self._token(body["access_token"])
        if isinstance(body, dict) and isinstance(body.get("keys"), list):
            body["keys"] = [{member: value if member in ("kty", "alg", "use", "e", "crv") else f"<{member}>" for member, value in key.items()} for key in body["keys"]]
        if isinstance(body, dict) and isinstance(body.get("id_token"), str):
            body["id_token"] = "<id_token>"
        return json.loads(self._named(json.dumps(body)))

    @staticmethod
    def _token(token):
        header, claims = (json.loads(decoded(part)) for part in token.split(".")[:2])
        header["kid"] = "<kid>"
        claims["exp"] = f"<iat+{claims['exp'] - claims['iat']}>"
        claims["iat"] = "<now>"
        for name in ("jti", "sub", "sid", "clientHost", "clientAddress"):
            if name in claims:
                claims[name] = f"<{name}>"
        return {"header": header, "claims": claims}


def plain(value):
    """A form's value as the fixture has it."""
    if not isinstance(value, Assertion):
        return value
    return {"assertion": {name: told for name, told in dataclasses.asdict(value).items() if told not in (None, {})}}


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


if __name__ == "__main__":
    main()
