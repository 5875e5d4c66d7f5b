"""The project's server stub on the host's loopback, and a server that never answers."""

import http.client
import json
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

from .card import REPOSITORY

# The board's address for the host's loopback.
HOST_SEEN_FROM_BOARD = "10.0.2.2"
ANSWER_SECONDS = 60


class HeldPort:
    """A free port of the loopback that nobody else is given while this lives: a socket is bound to it and does not listen.
    Connections are refused unless a server listens there, which takes SO_REUSEADDR, as servers set it."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = self._socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Gives it up."""
        self._socket.close()


class Stub:
    """Services of the stub, those of a home unless another is named, that can be stopped and started again: same
    ports, same keys. Those of one directory have one certificate authority. A home's port is the auth service's."""

    def __init__(self, directory, program=REPOSITORY / "target/debug/server-stub", service="home", home="python", segment=None, options=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._program = program
        self._service = service
        self._home = home
        # On the machine in that network instead of this one.
        self._inside = segment.inside if segment else []
        self._host = HOST_SEEN_FROM_BOARD if segment else "127.0.0.1"
        self._options = options
        self._process = None
        self._control = None
        self.announced = None
        # The first is the one that counts as its own.
        prefixes = ("", "config-", "logs-", "command-center-") if service == "home" else (f"{service}-",)
        self._ports = {prefix: HeldPort() for prefix in prefixes}
        self.port = self._ports[prefixes[0]].number

    def start(self):
        """Starts it, on its ports, and returns when it listens."""
        with open(self.directory / "stub.log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    # The stub ends with this process in every case.
                    *self._inside, "setpriv", "--pdeathsig", "KILL",
                    self._program, "--only", self._service, "--home", self._home, *self._options,
                    *(f"--{prefix}listen={self._host}:{held.number}" for prefix, held in self._ports.items()),
                    "--dir", self.directory, "--name", HOST_SEEN_FROM_BOARD, "--control", "127.0.0.1:0",
                ],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )
        announced = self._process.stdout.readline()
        if not announced:
            self._process.wait(ANSWER_SECONDS)
            raise RuntimeError(f"the stub did not start: {(self.directory / 'stub.log').read_text()}")
        announced = json.loads(announced)
        home = self._service == "home"
        self.announced = announced["url" if home else self._service]
        self._control = announced["control" if home else f"{self._service}_control"]
        return self

    def stop(self):
        """Stops it; its port then refuses connections."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def url(self):
        """Its address as the board reaches it."""
        return self._seen(self.port)

    def command_center_url(self):
        """The command center's address as the board reaches it."""
        return self._seen(self._ports["command-center-"].number)

    def config_service_url(self):
        """The config service's address as the board reaches it."""
        return self._seen(self._ports["config-"].number)

    def _seen(self, port):
        return f"{'http' if '--plain' in self._options else 'https'}://{HOST_SEEN_FROM_BOARD}:{port}"

    def mint(self, household_id, node_id):
        """A provisioning token for a node of that household, by the administrator's key. For a stub in a segment."""
        body = json.dumps({"household_id": household_id, "node_id": node_id})
        url = f"{self.command_center_url()}/api/v0/provisioning/token"
        command = ["curl", "-sS", "--fail-with-body", "-H", "@-", "-H", "Content-Type: application/json", "-d", body, url]
        header = f"X-API-Key: {self.read('admin.token').strip()}"
        answer = subprocess.run([*self._inside, *command], input=header, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(answer.stdout)["token"]

    def read(self, name):
        """A file in the stub's directory."""
        return (self.directory / name).read_text(encoding="utf-8")

    def config(self):
        """The configuration it recommends."""
        return json.loads(self.read("config.json"))

    def rotate_key(self, node_id=None):
        """Gives a node a new key, the stub's own unless another is named; the old key fails from now on. Returns the
        new credential file's text."""
        node_id = node_id or json.loads(self.read("credential.json"))["node_id"]
        answer = self._administer("POST", f"/admin/nodes/{node_id}/rotate-key")
        return json.dumps({"node_id": node_id, "node_key": answer["node_key"]})

    def add_node(self, node_id):
        """Registers a further node in the household of the first, for the same service. Returns its credential
        file's text."""
        first = self._administer("GET", f"/admin/nodes/{json.loads(self.read('credential.json'))['node_id']}")
        answer = self._administer("POST", "/admin/nodes", {
            "node_id": node_id, "household_id": first["household_id"], "name": node_id,
            "services": [self.config()["service_id"]],
        })
        return json.dumps({"node_id": node_id, "node_key": answer["node_key"]})

    def register_client_key(self, client_id, jwk):
        """Lets a client of the token service prove itself by this public key."""
        self._administer("PUT", f"/__stub/clients/{client_id}/keys", jwk)

    def known_faults(self):
        """The names of its faults."""
        listing = [self._program, "--only", self._service, "--list-faults"]
        listed = subprocess.run(listing, stdout=subprocess.PIPE, text=True, check=True)
        return [line.split()[0] for line in listed.stdout.splitlines()]

    def misbehave(self, *faults):
        """Switches on these faults (`known_faults`) and switches off all others."""
        control = urlsplit(self._control)
        connection = http.client.HTTPConnection(control.hostname, control.port, timeout=ANSWER_SECONDS)
        self._ask(connection, "PUT", control.path, list(faults))

    def _administer(self, method, path, body=None):
        trusted = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        trusted.check_hostname = False  # its certificate names the address that the board uses
        return self._ask(
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS, context=trusted), method, path, body
        )

    def _ask(self, connection, method, path, body):
        headers = {"X-Jarvis-Admin-Token": self.read("admin.token").strip()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        if answer.status not in (200, 201, 204):
            raise RuntimeError(f"the stub answered {method} {path} with {answer.status}: {told.decode(errors='replace')}")
        return json.loads(told) if told else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        for held in self._ports.values():
            held.close()


class SilentServer:
    """A server that accepts connections and never answers."""

    def __init__(self, port=0):
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._connections = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        """Closes its connections."""
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
