"""The published services of the ARP stack, each a process of its own on a free port of 127.0.0.1."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

# How long a service may take to start, in seconds: seven of them share a machine with others.
PATIENCE = 120

# name: its module, its client of the realm, and the services that it calls, by the variables' prefix. What is called
# stands before what calls it.
SERVICES = {
    "run-store": ("jarvis_run_store", "arp-jarvis-runstore", {}),
    "event-stream": ("jarvis_event_stream", "arp-jarvis-eventstream", {}),
    "artifact-store": ("jarvis_artifact_store", "arp-jarvis-artifactstore", {}),
    "node-registry": ("jarvis_node_registry", "arp-node-registry", {}),
    "atomic-executor": ("jarvis_atomic_executor", "arp-atomic-executor", {}),
    "run-coordinator": ("jarvis_run_coordinator", "arp-run-coordinator", {
        "JARVIS_RUN_STORE": "run-store",
        "JARVIS_EVENT_STREAM": "event-stream",
        "JARVIS_ARTIFACT_STORE": "artifact-store",
        "JARVIS_NODE_REGISTRY": "node-registry",
        "JARVIS_ATOMIC_EXECUTOR": "atomic-executor",
    }),
    "run-gateway": ("jarvis_run_gateway", "arp-run-gateway", {"JARVIS_RUN_COORDINATOR": "run-coordinator"}),
}


class Stack:
    """The running services; a context manager that stops them."""

    def __init__(self, issuer, ca_file, folder):
        self.issuer, self.ca_file, self.folder = issuer, ca_file, folder
        self.urls, self.processes = {}, {}

    def __enter__(self):
        try:
            for name in SERVICES:
                self.start(name)
            for name in SERVICES:
                self.wait_for(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, name):
        module, client, calls = SERVICES[name]
        # Bound here and handed over, so that nobody else can take the port in between.
        listening = socket.create_server(("127.0.0.1", 0))
        self.urls[name] = f"http://127.0.0.1:{listening.getsockname()[1]}"
        environment = clean_environment() | {
            "SSL_CERT_FILE": self.ca_file,
            "ARP_AUTH_MODE": "required",
            "ARP_AUTH_ISSUER": self.issuer,
            "ARP_AUTH_SERVICE_ID": client,
            "ARP_AUTH_CLIENT_ID": client,
            "ARP_AUTH_CLIENT_SECRET": f"{client}-secret",
            "JARVIS_POLICY_PROFILE": "dev-allow",
            "JARVIS_RUN_STORE_DB_URL": f"sqlite:///{self.folder}/runs.sqlite",
            "JARVIS_EVENT_STORE_DB_URL": f"sqlite:///{self.folder}/events.sqlite",
            "JARVIS_NODE_REGISTRY_DB_URL": f"sqlite:///{self.folder}/nodes.sqlite",
            "JARVIS_ARTIFACT_DIR": f"{self.folder}/artifacts",
            "JARVIS_RUN_COORDINATOR_PUBLIC_URL": self.urls.get("run-coordinator", ""),
        }
        if name == "run-coordinator":
            environment["JARVIS_RUN_COORDINATOR_URL"] = self.urls[name]
        for prefix, called in calls.items():
            environment[f"{prefix}_URL"] = self.urls[called]
            environment[f"{prefix}_AUDIENCE"] = SERVICES[called][1]
        with listening, open(self.log(name), "wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", f"{module}.app:app", "--fd", str(listening.fileno())],
                env=environment, stdout=log, stderr=log, pass_fds=[listening.fileno()], cwd=self.folder)

    def wait_for(self, name):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"{self.urls[name]}/v1/version", timeout=PATIENCE):
                    return
            except (urllib.error.URLError, ConnectionError) as error:
                if self.processes[name].poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{name} did not start ({error}):\n{self.said(name)}") from error
                time.sleep(0.1)

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def said(self, name):
        with open(self.log(name), encoding="utf-8", errors="replace") as log:
            return log.read()

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def clean_environment():
    """This environment without what would configure a service."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("ARP_", "JARVIS_", "KEYCLOAK_", "AGENT_"))}


def unwind_on_termination():
    """What was started is stopped by `finally` and `with`, which a signal has to reach."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
