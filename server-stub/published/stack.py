"""Runs the published ARP stack with a token service and has a node start a run on it and read its events; see stack.sh."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from services import PATIENCE, Stack, clean_environment, unwind_on_termination

RUN = {"root_node_type_ref": {"node_type_id": "jarvis.core.echo", "version": "0.3.8"}, "input": {"echo": "good evening"}}


class Stub:
    """A home for the node, and a token service; a context manager."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.program, "--listen", "127.0.0.1:0", "--dir", self.folder, "--mapped-audiences"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment())
        self.where = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)


class Node:
    """A node of that home whose broker gives out tokens of an issuer; a context manager."""

    def __init__(self, program, folder, issuer, ca_file):
        self.program = program
        self.config = os.path.join(folder, "config.json")
        with open(self.config, encoding="utf-8") as file:
            config = json.load(file)
        secret = os.path.join(folder, "sts.secret")
        with open(secret, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("jarvis-node-secret\n")
        config["sts"] = {"issuer": issuer, "client_id": "jarvis-node", "client_secret_file": secret, "ca_file": ca_file,
                         "audiences": {"arp-run-gateway": {"users": [os.getuid()]}}}
        config["broker"] = {"socket": os.path.join(folder, "node.sock")}
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.log = os.path.join(folder, "node.log")

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "run", "--config", self.config], stdout=log, stderr=log, env=clean_environment())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)

    def request(self, method, url, *more):
        """The body of the answer to `jarvis-node request`."""
        command = [self.program, "request", method, url, "--audience", "arp-run-gateway", "--config", self.config, *more]
        end = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=PATIENCE)
            # 69: the daemon does not listen yet.
            if done.returncode != 69 or time.monotonic() > end:
                break
            time.sleep(0.1)
        if done.returncode != 0:
            raise SystemExit(f"{method} {url}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def run_to_its_end(node, gateway):
    """Starts a run and returns its events."""
    run = json.loads(node.request("POST", f"{gateway}/v1/runs", "--data", json.dumps(RUN)))
    url = f"{gateway}/v1/runs/{run['run_id']}"
    end = time.monotonic() + PATIENCE
    while run["state"] in ("pending", "running"):
        if time.monotonic() > end:
            raise SystemExit(f"the run did not end: {run}")
        time.sleep(0.2)
        run = json.loads(node.request("GET", url))
    while True:
        lines = node.request("GET", f"{url}/events").splitlines()
        events = [json.loads(line) for line in lines]
        # The coordinator stores a run's last state before it publishes the last event.
        if events and events[-1]["type"] == "run_completed" or time.monotonic() > end:
            break
        time.sleep(0.2)
    print(f"the run {run['state']}; lines of its events: {len(lines)}")
    expect(run["state"] == "succeeded", run)
    expect([event["seq"] for event in events] == list(range(1, len(events) + 1)), events)
    expect(all(event["run_id"] == run["run_id"] for event in events), events)
    kinds = [event["type"] for event in events]
    print(" ".join(kinds))
    expect(kinds[0] == "run_started" and kinds[-1] == "run_completed" and "atomic_executed" in kinds, kinds)
    expect(events[-1]["data"]["state"] == "succeeded", events)


def expect(holds, seen):
    if not holds:
        raise SystemExit(f"not as expected: {seen}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stub")
    parser.add_argument("node")
    parser.add_argument("--keycloak", action="store_true", help="the one of KEYCLOAK_HTTPS and KEYCLOAK_CA")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stub(arguments.stub, os.path.join(folder, "stub")) as stub:
        issuer, ca_file = stub.where["sts"], os.path.join(stub.folder, "ca.pem")
        if arguments.keycloak:
            issuer, ca_file = os.environ["KEYCLOAK_HTTPS"] + "/realms/arp-dev", os.environ["KEYCLOAK_CA"]
        with Stack(issuer, ca_file, folder) as stack, Node(arguments.node, stub.folder, issuer, ca_file) as node:
            try:
                run_to_its_end(node, stack.urls["run-gateway"])
            except SystemExit:
                for name in stack.urls:
                    print(f"--- {name}", stack.said(name), sep="\n", file=sys.stderr)
                raise
    return 0


if __name__ == "__main__":
    unwind_on_termination()
    sys.exit(main())
