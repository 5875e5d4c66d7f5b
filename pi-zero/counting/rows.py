"""What is counted of a program: each row is a piece of its work, in instructions."""

import json
import os
import socket
import statistics
import tempfile
from contextlib import contextmanager
from pathlib import Path

from board.stub import Stub

from .program import Counted

# Of the certificate authority and of the server's certificate.
KEY_TYPES = ("rsa-2048", "ed25519", "rsa-4096", "p-256", "p-384")
AUDIENCE = "arp-run-gateway"
CLIENT = "jarvis-node"
# Checks with the same key differ with their random numbers. The median of three differs by less than the budgets allow.
ROUNDS = 3
# A daemon takes more turns of its loop while the other side is slow; the least of several tries has few of those.
TRIES = 8
REVALIDATE_SECONDS = 2
REQUESTS = 20
# The kernel's LEDs, in a place of the program's own.
LED = "count"
WITH_LED = (
    "unshare", "--mount", "sh", "-c",
    f"mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/leds/{LED} && cd /sys/class/leds/{LED} && : >brightness"
    " && echo '[none] timer' >trigger"
    ' && exec setpriv --pdeathsig KILL "$@"', "sh",
)


class Home:
    """A stub's home whose certificates have keys of this kind, and a node's files."""

    def __init__(self, key_type, directory):
        self.stub = Stub(Path(directory), options=("--key-type", key_type))
        self.directory = Path(directory)

    def start(self):
        """Starts it."""
        self.stub.start()
        return self

    def config(self, name, **more):
        """A configuration with the keys that every version knows, and `more`."""
        recommended = self.stub.config()
        keys = ("auth_url", "service_id", "app_id", "app_key_file", "credential_file", "ca_file")
        config = {key: recommended[key] for key in keys if key in recommended}
        own = {"led": "none", "start_splay_secs": 0, "state_file": str(self.directory / f"{name}.state")}
        own["status_file"] = str(self.directory / f"{name}.status")
        path = self.directory / f"{name}.config.json"
        path.write_text(json.dumps({**config, **own, **more}), encoding="utf-8")
        return str(path)

    def status(self, name):
        """What the daemon last wrote about itself."""
        try:
            return json.loads((self.directory / f"{name}.status").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}


@contextmanager
def home(key_type="rsa-2048"):
    """A home that runs."""
    with tempfile.TemporaryDirectory(prefix="count-") as directory:
        one = Home(key_type, directory).start()
        try:
            yield one
        finally:
            one.stub.stop()


def checks(program):
    """A whole `check`, from start to verdict, by the kind of key."""
    for key_type in KEY_TYPES:
        with home(key_type) as one:
            config = one.config("check")
            yield f"check, {key_type}", median(lambda config=config: check(program, config))


def check(program, config, blocks=None):
    """The instructions of one `check`."""
    with Counted(program, "check", "--config", config, blocks=blocks) as one:
        return one.finished()


def curl(root):
    """The same request by Debian's curl for the same CPU."""
    for key_type in KEY_TYPES:
        with home(key_type) as one:
            options = one.directory / "curl.conf"
            options.write_text(curl_options(one), encoding="utf-8")
            arguments = ("--silent", "--show-error", "--config", str(options))
            yield f"check, {key_type}", median(lambda arguments=arguments: curl_once(root, arguments))


def curl_once(root, arguments):
    """The instructions of one call by curl."""
    with Counted(root / "usr/bin/curl", *arguments, root=root) as one:
        executed = one.finished()
        if '"valid":true' not in one.output().replace(" ", ""):
            raise RuntimeError(f"curl says: {one.output()}")
        return executed


def curl_options(one):
    """A node's validation in curl's own form."""
    recommended, credential = one.stub.config(), json.loads(one.stub.read("credential.json"))
    body = one.directory / "body.json"
    asked = {"node_id": credential["node_id"], "node_key": credential["node_key"], "service_id": recommended["service_id"]}
    body.write_text(json.dumps(asked), encoding="utf-8")
    return f"""
        url = "{recommended['auth_url']}/internal/validate-node"
        cacert = "{one.directory / 'ca.pem'}"
        header = "Content-Type: application/json"
        header = "X-Jarvis-App-Id: {recommended['app_id']}"
        header = "X-Jarvis-App-Key: {one.stub.read('app.key').strip()}"
        data-binary = "@{body}"
        """


def revalidation(program, blocks=None):
    """One of a daemon's validations, whose TLS session is resumed."""
    with home() as one:
        config = one.config("run", revalidate_secs=REVALIDATE_SECONDS)
        with Counted(program, "run", "--config", config, blocks=blocks) as daemon:
            costs = []
            seen, before = next_validation(one, daemon, None), daemon.settled()
            for _ in range(TRIES):
                seen = next_validation(one, daemon, seen)
                now = daemon.settled()
                costs.append(now - before)
                before = now
            # Whether the server's next tickets come in time to be read changes a few parts in a hundred.
            return statistics.median(costs)


def next_validation(one, daemon, seen):
    """Waits for a status that is newer than `seen`, and returns its time."""
    def is_newer():
        status = one.status("run")
        return status.get("outcome") == "valid" and status.get("as_of_ms") not in (None, seen)
    daemon.wait_until(is_newer, "validation")
    return one.status("run")["as_of_ms"]


def first_edge(program):
    """From the daemon's start to the LED's first light; no server is asked before."""
    with home() as one:
        config = one.config("led", led={"sysfs": LED}, start_splay_secs=3600)
        with Counted(program, "run", "--config", config, marks="brightness", prefix=WITH_LED) as daemon:
            # It is set dark when it is opened.
            daemon.wait_until(lambda: len(daemon.marks()) >= 2, "light")
            return daemon.marks()[1]


def cached_token(program):
    """One request for a token that the daemon has, in the daemon."""
    with home() as one, Stub(one.directory, service="sts") as sts:
        sts.start()
        secret = one.directory / "client.secret"
        secret.write_text(f"{CLIENT}-secret", encoding="utf-8")
        secret.chmod(0o600)
        path = str(one.directory / "node.sock")
        tokens = {
            "issuer": sts.announced, "client_id": CLIENT, "client_secret_file": str(secret),
            "audiences": {AUDIENCE: {"users": [os.getuid()]}},
        }
        config = one.config("token", sts=tokens, broker={"socket": path})
        with Counted(program, "run", "--config", config) as daemon:
            daemon.wait_until(lambda: Path(path).exists(), "socket")
            daemon.wait_until(lambda: one.status("token").get("outcome") == "valid", "verdict")
            for _ in range(3):
                ask(path)
            costs = []
            before = daemon.settled()
            for _ in range(TRIES):
                for _ in range(REQUESTS):
                    ask(path)
                now = daemon.settled()
                costs.append((now - before) / REQUESTS)
                before = now
            return min(costs)


def ask(path):
    """Asks the broker as curl does, one connection a request."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(path)
        connection.sendall(
            f"GET /v1/token?audience={AUDIENCE} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: count\r\nAccept: */*\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the broker says: {answer[:300]}")


def median(count):
    """The median of some rounds."""
    return statistics.median(count() for _ in range(ROUNDS))


def of(program):
    """Every row of a program, as pairs of name and instructions."""
    yield from checks(program)
    yield "resumed revalidation, rsa-2048", revalidation(program)
    yield "start to the LED's first light", first_edge(program)
    yield "cached token over the socket", cached_token(program)
