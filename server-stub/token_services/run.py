#!/usr/bin/env python3
"""Runs `jarvis-node token` against token services that are not Keycloak, and compares what works with
docs/token-services.md:

    server-stub/token_services/run.py [SERVER…]

The configuration of each server is the one in that document. Packages are fetched in their pinned versions and unpacked
under target/; everything listens on loopback, on free ports, and is stopped at the end. Needs node with npm, python3 with
venv, openssl, and for Glewlwyd and LemonLDAP::NG a Debian with apt-get. Exits with 1 if anything differs.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from node import ALGORITHMS, Node, claims
from servers import SERVERS, Installed, stop

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs/token-services.md"
HEAD = ("server", "secret (post, basic)", "with any characters", "key, `aud` the issuer", "key, `aud` the token endpoint",
        "token", "by `audience` alone", "without an audience", "exchange")
# What the program says of a token that came and that it does not hand out.
UNUSABLE = "the STS sent a token that cannot be used"
SECRET = "jarvis-node-secret"
# Visible characters and spaces (RFC 6749, appendix A): those that mean something in a form, in a header or in both.
ODD_ID, ODD_SECRET = "kitchen node", 'a b+c%20d:e"f/~&='
RESOURCE = "https://gateway.home"
# The keys of `sts` that the cases set.
OF_THE_CLIENT = ("client_id", "client_secret_file", "client_key_file", "auth_method", "assertion_audience",
                 "assertion_algorithm")


class Cases:
    """What is tried with one server. Each case has a client of its own, since a server may remember one."""

    def __init__(self, node):
        self.node = node
        self.clients = []

    def secret(self, case, method, id=None, secret=SECRET):
        """The keys of `sts` for a client with a secret."""
        client = {"id": id or f"node-{case}", "secret": secret}
        self.clients.append(client)
        return {"client_id": client["id"], "client_secret_file": self.node.secret(f"{case}.secret", secret),
                "auth_method": f"client_secret_{method}"}

    def key(self, case, algorithm, audience):
        """The keys of `sts` for a client with a key pair."""
        client = {"id": f"node-{case}", "key": self.node.keys[algorithm], "algorithm": algorithm}
        self.clients.append(client)
        return {"client_id": client["id"], "client_key_file": f"{algorithm}.key", "assertion_audience": audience,
                "assertion_algorithm": algorithm}

    def proofs(self):
        """The ways to prove oneself, by name."""
        proofs = {"post": self.secret("post", "post"), "basic": self.secret("basic", "basic"),
                  "odd post": self.secret("odd-post", "post", ODD_ID + " p", ODD_SECRET),
                  "odd basic": self.secret("odd-basic", "basic", ODD_ID + " b", ODD_SECRET)}
        for audience in ("issuer", "token_endpoint"):
            for algorithm in ALGORITHMS:
                proofs[f"{algorithm} {audience}"] = self.key(f"{algorithm}-{audience}", algorithm, audience)
        return proofs


def documented(title, url):
    """The configuration in the section on the server with this title, for one at `url`, without a client: the keys of `sts`, the
    audience, and its rule."""
    text = DOCUMENT.read_text(encoding="utf-8")
    name = re.escape(title.rsplit(" ", 1)[0])
    found = re.search(rf"^### {name}\n.*?^```json\n\"sts\": (.*?)^```", text, re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"{DOCUMENT.name} has no configuration for {title}.")
    sts = json.loads(found.group(1).replace("https://sts.home", url))
    for name in OF_THE_CLIENT:
        sts.pop(name, None)
    ((service, rule),) = sts.pop("audiences").items()
    return sts, service, rule


def attempt(node, name, service, sts):
    """What comes for a token for `service`: a JWT, an opaque token, one that is not usable, or none (no)."""
    with node.daemon(sts) as daemon:
        token, refusal = daemon.token(service)
        if name == "exchange" and token:
            token, refusal = daemon.exchanged(service, token)
    if token is None:
        print(f"  {name}: {refusal}", file=sys.stderr)
        return "not usable" if UNUSABLE in refusal else "no"
    found = claims(token)
    print(f"  {name}: " + (f"a JWT, aud {json.dumps(found.get('aud'))}" if found else "an opaque token"), file=sys.stderr)
    return "JWT" if found else "opaque"


def row(server, node, installed, folder):
    """The server's row of the table."""
    cases = Cases(node)
    proofs = cases.proofs()
    others = {name: cases.secret(name, "post") for name in ("audience", "none", "exchange")}
    _, service, _ = documented(server.title, "")
    setup = {"clients": cases.clients, "audience": service, "resource": RESOURCE, **signing_key(folder)}
    clients_file = folder / "clients.json"
    clients_file.write_text(json.dumps(setup), encoding="utf-8")
    process, port = server.start(folder, clients_file, installed)
    try:
        sts, service, rule = documented(server.title, f"http://127.0.0.1:{port}")

        def result_of(name, proof, audience=service, rule=rule):
            return attempt(node, name, audience, {**sts, **proof, "audiences": {audience: rule}})

        result = {name: result_of(name, proof) for name, proof in proofs.items()}
        result["audience"] = result_of("audience", others["audience"], rule={})
        result["none"] = result_of("none", others["none"], audience="")
        result["exchange"] = result_of("exchange", others["exchange"], rule={**rule, "exchange": True})
    finally:
        stop(process)

    def accepted(*names):
        """Whether the client was, whatever came then."""
        return ", ".join("no" if result[name] == "no" else "yes" for name in names)

    def algorithms(audience):
        return ", ".join(one for one in ALGORITHMS if result[f"{one} {audience}"] != "no") or "no"

    def usable(name):
        return "yes" if result[name] in ("JWT", "opaque") else "no"

    return (server.title, accepted("post", "basic"), accepted("odd post", "odd basic"), algorithms("issuer"),
            algorithms("token_endpoint"), result["post"], usable("audience"), usable("none"), usable("exchange"))


def signing_key(folder):
    """A key pair of the server's own, for those that make none, as PEM files have them."""
    private = folder / "server.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private],
                   check=True, capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True)
    return {"signing_key": private.read_text(encoding="ascii"), "signing_key_public": public.stdout}


def main(names):
    unknown = [name for name in names if name not in SERVERS]
    if unknown:
        sys.exit(f"There is no server {unknown[0]}; there are {', '.join(SERVERS)}.")
    chosen = [SERVERS[name] for name in names or SERVERS]
    target = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
    subprocess.run(["cargo", "build", "--quiet", "-p", "jarvis-node"], cwd=PROJECT, check=True)
    installed = Installed(target / "token-services")
    installed.folder.mkdir(parents=True, exist_ok=True)
    installed.install({server.kind for server in chosen})

    document = DOCUMENT.read_text(encoding="utf-8").splitlines()
    differing = 0
    for server in chosen:
        print(server.title, file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            node = Node(target / "debug/jarvis-node", folder)
            line = "| " + " | ".join(row(server, node, installed, Path(folder))) + " |"
        is_documented = line in document
        differing += not is_documented
        print(line if is_documented else f"{line}   <- differs from {DOCUMENT.name}", flush=True)
    if differing:
        print("| " + " | ".join(HEAD) + " |")
        sys.exit(1)


# What was started is stopped in `finally` clauses, which a signal has to reach.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main(sys.argv[1:])
