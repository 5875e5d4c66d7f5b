"""The project's server stub on the host's loopback, and what may stand in its place."""

import http.client
import json
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

from .card import REPOSITORY

# Where the board finds the host's loopback.
HOST_SEEN_FROM_BOARD = "10.0.2.2"
ANSWER_SECONDS = 60


class Stub:
    """An auth service that can be stopped and started again: same port, same keys."""

    def __init__(self, directory, program=REPOSITORY / "target/debug/server-stub"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._program = program
        self._process = None
        self.port = 0

    def start(self):
        """Starts it, on the port it had before, and returns when it listens."""
        with open(self.directory / "stub.log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    # However this process ends, the stub ends with it.
                    "setpriv", "--pdeathsig", "KILL",
                    self._program, "--listen", f"127.0.0.1:{self.port}",
                    "--dir", self.directory, "--name", HOST_SEEN_FROM_BOARD,
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )
        announced = self._process.stdout.readline()
        if not announced:
            self._process.wait(ANSWER_SECONDS)
            raise RuntimeError(f"the stub did not start: {(self.directory / 'stub.log').read_text()}")
        self.port = urlsplit(json.loads(announced)["url"]).port
        return self

    def stop(self):
        """Stops it; its port then refuses connections."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def url(self):
        """Its address as the board must write it."""
        return f"https://{HOST_SEEN_FROM_BOARD}:{self.port}"

    def read(self, name):
        """A file the stub keeps in its directory."""
        return (self.directory / name).read_text(encoding="utf-8")

    def config(self):
        """The configuration it recommends."""
        return json.loads(self.read("config.json"))

    def rotate_key(self):
        """Gives the node a new key; the old one fails from now on. Returns the new credential file's text."""
        credential = json.loads(self.read("credential.json"))
        trusted = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        trusted.check_hostname = False  # its certificate is made out to the address the board uses
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS, context=trusted)
        try:
            connection.request(
                "POST", f"/admin/nodes/{credential['node_id']}/rotate-key",
                headers={"X-Jarvis-Admin-Token": self.read("admin.token").strip()},
            )
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the stub answered rotate-key with {answer.status}")
        return json.dumps({"node_id": credential["node_id"], "node_key": json.loads(body)["node_key"]})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class SilentServer:
    """Accepts connections and never says a word, as a server that hangs."""

    def __init__(self, port=0):
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._connections = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        """Hangs up."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        for connection in self._connections:
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
