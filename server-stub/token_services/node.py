"""jarvis-node as the client of a token service: its keys, its daemon with the broker, and what that hands out."""

import base64
import http.client
import json
import os
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

# The key pairs, by the names of the algorithms that the node signs with: two are for one. It makes no RSA keys.
ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "RS256")
PATIENCE = 60  # seconds


class Node:
    """The program `binary` with its files in `folder`."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, Path(folder)
        self.keys = {algorithm: self._key(algorithm) for algorithm in ALGORITHMS}

    def _key(self, algorithm):
        """Makes a key pair and returns its public half, a JWK."""
        file = str(self.folder / f"{algorithm}.key")
        keygen = [self.binary, "keygen", "--out", file]
        if algorithm == "RS256":
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", file],
                           check=True, capture_output=True)
            os.chmod(file, 0o600)
            keygen.append("--show")
        else:
            keygen += ["--algorithm", algorithm]
        shown = subprocess.run(keygen, check=True, capture_output=True, text=True).stdout
        return json.loads(shown)["keys"][0]

    def secret(self, name, text):
        """Writes a secret into a file, and returns its name."""
        (self.folder / name).write_text(text, encoding="ascii")
        (self.folder / name).chmod(0o600)
        return name

    def daemon(self, sts):
        """The daemon with these keys of `sts`."""
        return Daemon(self, sts)


class Daemon:
    """The running daemon. Its auth service does not exist, which is nothing to the broker."""

    def __init__(self, node, sts):
        self.node = node
        self.socket = str(node.folder / "node.sock")
        self.config = node.folder / "config.json"
        files = {name: str(node.folder / name) for name in ("credential.json", "status.json", "state.json")}
        self.config.write_text(json.dumps({
            "auth_url": "https://auth.invalid", "service_id": "s", "app_id": "a", "app_key_file": "app.key", "led": "none",
            "credential_file": files["credential.json"], "status_file": files["status.json"],
            "state_file": files["state.json"], "sts": sts, "broker": {"socket": self.socket},
        }))

    def __enter__(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("ARP_", "JARVIS_", "KEYCLOAK_", "AGENT_"))}
        self.log = open(self.node.folder / "daemon.log", "w", encoding="utf-8")
        self.process = subprocess.Popen([self.node.binary, "run", "--config", str(self.config)], env=environment,
                                        stdout=self.log, stderr=self.log)
        try:
            wait_for(lambda: self._status() is not None, self.process, self.log.name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()

    def _status(self):
        try:
            return self._ask("GET", "/v1/version")
        except OSError:
            return None

    def _ask(self, method, path, form=None):
        broker = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        broker.sock = socket.socket(socket.AF_UNIX)
        broker.sock.settimeout(PATIENCE)
        try:
            broker.sock.connect(self.socket)
            broker.request(method, path, form, {"Content-Type": "application/x-www-form-urlencoded"} if form else {})
            return json.load(broker.getresponse())
        finally:
            broker.close()

    def token(self, audience):
        """`jarvis-node token`: the token, or what the program says in its place. No audience is empty."""
        command = [self.node.binary, "token", "--socket", self.socket, *(["--audience", audience] if audience else [])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        return (done.stdout.strip(), None) if done.returncode == 0 else (None, done.stderr.strip())

    def exchanged(self, audience, subject):
        """A token for the subject of the token `subject`, or the broker's message."""
        form = urllib.parse.urlencode({"audience": audience, "subject_token": subject})
        answer = self._ask("POST", "/v1/token/exchange", form)
        return answer.get("access_token"), answer.get("error", {}).get("message")


def claims(token):
    """The claims of a JWT; `None` for an opaque token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    return json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))


def wait_for(is_ready, process, log):
    """Waits until `is_ready`, and raises what the log says if `process` ends before."""
    end = time.monotonic() + PATIENCE
    while not is_ready():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"It did not start:\n{Path(log).read_text(encoding='utf-8')}")
        time.sleep(0.05)
