#!/usr/bin/env python3
"""Asks a running Keycloak what cases.py and settings.py list, and writes the answers for the stub's tests. record.sh
starts one for it.

It imports realm.json with new keys, writes its part of tests/fixtures/keycloak.json, and prints where Keycloak did not
answer as expected. Needs Python's `cryptography`.
"""

import argparse
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
from settings import NAMED, SETTINGS

HERE = Path(__file__).parent
FIXTURE = HERE.parent / "tests/fixtures/keycloak.json"
HEADERS = ("allow", "cache-control", "content-type", "location", "pragma", "www-authenticate")
KEYS = ("jwt-es", "jwt-ed", "jwt-rs", "jwt-ps", "next", "stranger")
KEY_PROVIDER = "org.keycloak.keys.KeyProvider"
ALGORITHMS = {"jwt-es": "ES256", "jwt-ed": "EdDSA", "jwt-rs": "RS256", "jwt-ps": "PS256"}


def main():
    parser = argparse.ArgumentParser(description="Records Keycloak's answers.")
    parser.add_argument("url", help="where Keycloak is; its administrator is admin, with the password admin")
    parser.add_argument("version", help="of this Keycloak")
    parser.add_argument("--named", action="store_true", help="it was started with the hostname in settings.py")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if an answer is not the recorded one")
    options = parser.parse_args()
    group, cases = ("named", NAMED) if options.named else ("exchanges", CASES + SETTINGS)
    service = Service(options.url)
    keys = {name: Key(name) for name in KEYS}
    administrator = Administrator(service, keys)
    administrator.imports(json.loads(filled((HERE / "realm.json").read_text(), keys, inside=True)))
    recorder = Recorder(service, keys)
    exchanges, missed = [], []
    for case in cases:
        for act in case.before:
            administrator.does(*act)
        recorded = recorder.record(case)
        exchanges.append(recorded)
        got = summary(recorded["response"])
        if not got.startswith(case.expected):
            missed.append((case.name, case.expected, got))
    fixture = json.loads(FIXTURE.read_text())
    if options.check:
        exchanges = json.loads(json.dumps(exchanges))
        changed_answers = [new["name"] for old, new in zip(fixture[group], exchanges, strict=True) if old != new]
        sys.exit(f"other answers than recorded: {' '.join(changed_answers)}" if changed_answers else 0)
    source = f"answers recorded from Keycloak {options.version}; what differs each time is replaced by a name in angle brackets"
    fixture = {**fixture, "source": source, group: exchanges}
    FIXTURE.write_text(json.dumps(fixture, indent=1, ensure_ascii=False) + "\n")
    for name, expected, got in missed:
        print(f"{name:<44} expected {expected:<32} got {got}")
    print(f"{len(missed)} of {len(cases)} expectations missed")


def summary(response):
    """Status, error and description, or the life of the token."""
    body = response["body"]
    told = [str(response["status"])]
    if isinstance(body, dict):
        told += [f"{body['expires_in']} s"] if "expires_in" in body else []
        told += [body[name] for name in ("error", "error_description") if isinstance(body.get(name), str)]
    return " ".join(told)


def filled(text, keys, inside=False):
    """The text with sets of public keys filled in, quoted if they stand inside of JSON. `a=b` is key b as kid a."""

    def jwks(found):
        named = [name.partition("=") for name in found[1].split()]
        text = json.dumps({"keys": [{**keys[key or kid].jwk(), "kid": kid} for kid, _, key in named]})
        return json.dumps(text)[1:-1] if inside else text

    return re.sub(r"<jwks ([^>]*)>", jwks, text)


def at(text):
    """The seconds since 1970 of `now+60` or `now`; None for another text."""
    found = isinstance(text, str) and re.fullmatch(r"now([+-][\d.]+)?", text)
    if not found:
        return None
    later = found[1] or "+0"
    return time.time() + float(later) if "." in later else int(time.time()) + int(later)


def changed(old, changes, keys):
    """The object with these changes, also in objects inside of it."""
    new = dict(old)
    for name, value in changes.items():
        if isinstance(value, dict):
            value = changed(old.get(name) or {}, value, keys)
        elif isinstance(value, str):
            value = at(value) or filled(value, keys)
        new[name] = value
    return new


class Service:
    """One Keycloak."""

    def __init__(self, url):
        self.url = url
        self._at = urllib.parse.urlsplit(url).netloc

    def ask(self, method, path, headers, body):
        """Status, headers and body."""
        connection = http.client.HTTPConnection(self._at, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode()


class Administrator:
    """What an administrator does."""

    def __init__(self, service, keys):
        self._service = service
        self._keys = keys

    def imports(self, realm):
        """Replaces the realm."""
        self._call("DELETE", "/admin/realms/wire", None, missing_is_fine=True)
        self._call("POST", "/admin/realms", realm)

    def does(self, what, *told):
        """Does what a case names."""
        match what, *told:
            case "wait", seconds:
                time.sleep(seconds)
            case "rotate",:
                realm_id = self._call("GET", "/admin/realms/wire", None)["id"]
                self._call("POST", "/admin/realms/wire/components", {
                    "name": "newer", "providerId": "rsa-generated", "providerType": KEY_PROVIDER, "parentId": realm_id,
                    "config": {"priority": ["1000"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]},
                })
            case "keys", state:
                for found in self._call("GET", f"/admin/realms/wire/components?type={KEY_PROVIDER}", None):
                    if found["providerId"] == "rsa-generated" and found["name"] != "newer":
                        found["config"].update({"active": ["false"], "enabled": ["true" if state == "passive" else "false"]})
                        self._call("PUT", f"/admin/realms/wire/components/{found['id']}", found)
            case "realm", changes:
                self._call("PUT", "/admin/realms/wire", changed({"realm": "wire"}, changes, self._keys))
            case "client", client, changes:
                found, = self._call("GET", f"/admin/realms/wire/clients?clientId={urllib.parse.quote(client)}", None)
                self._call("PUT", f"/admin/realms/wire/clients/{found['id']}", changed(found, changes, self._keys))

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
        request = {"method": case.method, "path": case.path, "headers": {k: v for k, v in headers.items() if k != "Host" or k in case.headers}}
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
            if (seconds := at(value)) is not None:
                value = seconds
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
            # Keycloak counts `expires_in` from the answer: at the turn of a second it is one less than the token's life.
            if body["access_token"]["claims"]["exp"] == f"<iat+{body['expires_in'] + 1}>":
                body["expires_in"] += 1
        if isinstance(body, dict) and isinstance(body.get("keys"), list):
            keys = [{member: value if member in ("kty", "alg", "use", "e", "crv") else f"<{member}>" for member, value in key.items()} for key in body["keys"]]
            # The key for encryption stands anywhere among them.
            body["keys"] = sorted(keys, key=lambda key: key["use"] == "enc")
        if isinstance(body, dict) and "public_key" in body:
            body["public_key"] = "<public_key>"
        if isinstance(body, dict) and body.get("not-before-policy"):
            body["not-before-policy"] = "<not before>"
        if isinstance(body, dict) and "issuer" in body:
            # One discovery document is kept whole; the others tell addresses.
            body = {member: value for member, value in body.items() if name == "discovery" or isinstance(value, str)}
        if isinstance(body, dict) and isinstance(body.get("id_token"), str):
            body["id_token"] = "<id_token>"
        return ordered(json.loads(self._named(json.dumps(body))))

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


def ordered(body, name=None):
    """The body with its members, and what Keycloak lists in any order, sorted."""
    if isinstance(body, dict):
        return {member: ordered(value, member) for member, value in sorted(body.items())}
    if name == "scope" and isinstance(body, str):
        return " ".join(sorted(body.split(" ")))
    if name in ("aud", "scopes_supported") and isinstance(body, list):
        return sorted(body)
    return [ordered(value) for value in body] if isinstance(body, list) else body


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
