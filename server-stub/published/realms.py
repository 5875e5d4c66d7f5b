"""Has a token service import the published realm files unchanged, and checks what its clients may have; see realms.sh."""

import argparse
import base64
import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from services import clean_environment, unwind_on_termination

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
SETTING = "standard.token.exchange.enabled"
# What Keycloak 26 answers.
NO_EXCHANGE = (400, "invalid_request", "Standard token exchange is not enabled for the requested client")
NOT_MAPPED = (400, "invalid_request", "Requested audience not available: arp-run-coordinator")


def write_like_release(dev_realm, path):
    """Writes a realm file with the settings of the one in JARVIS_Release 0.3.8, which is on GitHub alone: the clients of our
    dev realm, each with its own audience alone, and no exchange."""
    with open(dev_realm, encoding="utf-8") as file:
        realm = json.load(file)
    realm["realm"] = "arp-release"
    realm["clients"] = [client for client in realm["clients"] if client["clientId"] != "jarvis-node"]
    for client in realm["clients"]:
        del client["attributes"]
        client["protocolMappers"] = client["protocolMappers"][:1]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(realm, file)


def write_with_exchange(given, path):
    """Writes the realm with the one attribute that the note asks for."""
    with open(given, encoding="utf-8") as file:
        realm = json.load(file)
    for client in realm["clients"]:
        client.setdefault("attributes", {})[SETTING] = "true"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(realm, file)


class Service:
    """The token endpoint of a realm."""

    def __init__(self, issuer, ca_file):
        self.url = issuer + "/protocol/openid-connect/token"
        self.context = ssl.create_default_context(cafile=ca_file)

    def ask(self, client, secret, **fields):
        """The token, or status, error and description."""
        form = {"grant_type": "client_credentials", "client_id": client, **fields}
        if secret:
            form["client_secret"] = secret
        data = urllib.parse.urlencode(form).encode()
        try:
            with urllib.request.urlopen(self.url, data, timeout=60, context=self.context) as answer:
                return json.load(answer)["access_token"]
        except urllib.error.HTTPError as error:
            said = json.load(error)
            return error.code, said["error"], said.get("error_description")

    def exchange(self, token):
        """The gateway's exchange of a token for the coordinator."""
        return self.ask("arp-run-gateway", "arp-run-gateway-secret", grant_type=EXCHANGE, subject_token=token,
                        subject_token_type=ACCESS_TOKEN, audience="arp-run-coordinator")


def audiences(token):
    claims = token.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["aud"]
    return {said} if isinstance(said, str) else set(said)


def check(path, service, exchanged):
    """Checks each client of the realm file, and that the exchange comes out as `exchanged`."""
    with open(path, encoding="utf-8") as file:
        clients = json.load(file)["clients"]
    for client in clients:
        name = client["clientId"]
        # An audience that is asked for changes nothing.
        token = service.ask(name, client.get("secret"), audience="arp-pdp")
        if client.get("publicClient"):
            expect(token[0] == 401, name, token)
        else:
            expect(isinstance(token, str) and audiences(token) == {name, "account"}, name, token)
    token = service.ask("arp-run-gateway", "arp-run-gateway-secret")
    came = service.exchange(token)
    expect(came == exchanged, "exchange", came)
    print(f"{service.url}: {len(clients)} clients are served; an exchange: {came[2]}")


def expect(holds, *seen):
    if not holds:
        raise SystemExit(f"not as expected: {seen}")


def in_stub(program, path, folder, named):
    """Checks the file in the stub's token service, which must, or must not, name the setting that forbids an exchange."""
    with open(os.path.join(folder, "said"), "w+", encoding="utf-8") as said:
        stub = subprocess.Popen(
            [program, "--only", "sts", "--listen", "127.0.0.1:0", "--dir", folder, "--mapped-audiences", "--realm", path],
            stdout=subprocess.PIPE, stderr=said, env=clean_environment())
        try:
            issuer = json.loads(stub.stdout.readline())["sts"]
            check(path, Service(issuer, os.path.join(folder, "ca.pem")), NO_EXCHANGE if named else NOT_MAPPED)
        finally:
            stub.terminate()
            stub.wait(timeout=30)
        said.seek(0)
        notes = [line for line in said if line.startswith("note: ")]
    expect([SETTING in note for note in notes] == [True] * named, notes)
    print(*notes, sep="", end="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stub")
    parser.add_argument("helper", help="the realm file of arp-sts-keycloak")
    parser.add_argument("release", help="the one like JARVIS_Release's")
    parser.add_argument("--keycloak", action="store_true", help="in the Keycloak of KEYCLOAK_HTTPS and KEYCLOAK_CA")
    arguments = parser.parse_args()
    files = [arguments.helper, arguments.release]
    if arguments.keycloak:
        for path, realm in zip(files, ["arp-dev", "arp-release"]):
            issuer = f"{os.environ['KEYCLOAK_HTTPS']}/realms/{realm}"
            check(path, Service(issuer, os.environ["KEYCLOAK_CA"]), NO_EXCHANGE)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        changed = os.path.join(folder, "changed.json")
        for path in files:
            in_stub(arguments.stub, path, folder, named=True)
            write_with_exchange(path, changed)
            in_stub(arguments.stub, changed, folder, named=False)
    return 0


if __name__ == "__main__":
    unwind_on_termination()
    sys.exit(main())
