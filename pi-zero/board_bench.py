#!/usr/bin/env python3
"""The same validation by jarvis-node, curl and a Python node, in one boot of the emulated Pi Zero.

bench.sh beside this builds what it needs and calls it.
"""

import json
import tempfile
import time
from pathlib import Path

from board.card import REPOSITORY, WORK, Card
from board.footprint import CPU_MICROSECONDS, megabytes
from board.installation import CA_FILE, prepared
from board.machine import BoardDied, Machine
from board.node import AS_NODE, SERVICE
from board.qemu.boards import ZERO
from board.report import Report
from board.stub import Stub

ROUNDS = 5
CALLS = 20
PEERS = "/var/lib/peers"
# Python reads much from a slow card before its first answer, and compiles it.
PATIENCE_SECONDS = 400

CONTENDERS = {
    "jarvis-node": "jarvis-node check --json",
    "curl": f"curl --silent --show-error --config {PEERS}/curl.conf",
    "httpx": f"python3 {PEERS}/node.py {PEERS}/config.json",
}
# The share of the other program's cost that ours may have.
BUDGETS = {"curl": 1 / 4, "httpx": 1 / 40}


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="stub-") as directory, Stub(Path(directory)) as stub:
        stub.start()
        card = prepared(Card("bench"), stub, led="none", revalidate_secs=1, start_splay_secs=0)
        put_peers(card, stub)
        try:
            with Machine(ZERO, card.write(), [f"board.clock={int(time.time())}"], log=WORK / "card-bench.log") as machine:
                machine.wait_until_booted()
                side_by_side(report, machine)
                calls_in_one_process(machine)
        except (BoardDied, RuntimeError) as trouble:
            report.check("the bench runs to its end", False, trouble)
    report.finish()


def put_peers(card, stub):
    """Configures curl and the Python node, each in its own format."""
    recommended, credential = stub.config(), json.loads(stub.read("credential.json"))
    config = {
        "auth_url": stub.url(), "ca_file": CA_FILE, "service_id": recommended["service_id"],
        "app_id": recommended["app_id"], "app_key": stub.read("app.key").strip(),
        "node_id": credential["node_id"], "api_key": credential["node_key"],
    }
    card.put(f"{PEERS}/config.json", json.dumps(config))
    card.put(f"{PEERS}/node.py", (REPOSITORY / "pi-zero/peers/node.py").read_text(encoding="utf-8"))
    body = {"node_id": config["node_id"], "node_key": config["api_key"], "service_id": config["service_id"]}
    card.put(f"{PEERS}/body.json", json.dumps(body))
    card.put(
        f"{PEERS}/curl.conf",
        f"""
        url = "{stub.url()}/internal/validate-node"
        cacert = "{CA_FILE}"
        header = "Content-Type: application/json"
        header = "X-Jarvis-App-Id: {config['app_id']}"
        header = "X-Jarvis-App-Key: {config['app_key']}"
        data-binary = "@{PEERS}/body.json"
        """,
    )


def side_by_side(report, machine):
    """The cost from start to verdict, each program in its own process."""
    machine.run(f"systemctl stop {SERVICE}")
    machine.run("systemctl is-system-running --wait", check=False)
    costs = {}
    for name, command in CONTENDERS.items():
        # As root, so that Python can store what it compiles. The first run is a warm-up.
        prefix = f"{AS_NODE} " if name == "jarvis-node" else ""
        told = machine.read(prefix + command, seconds=PATIENCE_SECONDS)
        report.check(f"{name} learns that the node is valid", says_valid(told), told[-300:])
        costs[name] = (cpu_seconds(machine, prefix, command), peak_memory(machine, prefix, command))

    print(f"\nOne validation over TLS, start to verdict, mean of {ROUNDS} rounds on the emulated Pi Zero")
    print(f"  {'':<14}{'CPU':>10}{'peak RSS':>12}{'CPU : ours':>13}")
    ours = costs["jarvis-node"][0]
    for name, (cpu, peak) in costs.items():
        print(f"  {name:<14}{cpu:>8.3f} s{peak:>9.1f} MB{cpu / ours:>13.1f}")
    print()
    for name, share in BUDGETS.items():
        report.check(
            f"jarvis-node needs at most 1/{1 / share:.0f} of {name}'s CPU", ours <= share * costs[name][0],
            f"it needs 1/{costs[name][0] / ours:.1f}",
        )


def cpu_seconds(machine, prefix, command, rounds=ROUNDS):
    """User and system time of one run, as bash's `time` reads it from the kernel; mean over the rounds."""
    loop = f"TIMEFORMAT=\"%3U %3S\"; for round in $(seq {rounds}); do time {command} >/dev/null; done"
    times = machine.read(f"{prefix}bash -c '{loop}'", seconds=PATIENCE_SECONDS)
    return sum(float(word) for word in times.split()) / rounds


def peak_memory(machine, prefix, command):
    """The peak of a process's resident memory, in MB."""
    return megabytes(machine.read(f"{prefix}/usr/bin/time -f %M {command} 2>&1 >/dev/null", seconds=PATIENCE_SECONDS))


def says_valid(answer):
    """Whether the first line of an answer, ours or the server's own, is a good verdict."""
    verdict = json.loads(answer.splitlines()[0])
    return verdict.get("outcome") == "valid" or verdict.get("valid") is True


def calls_in_one_process(machine):
    """The service, validating every second, against the Python node making its calls on one connection."""
    machine.run(f"systemctl start {SERVICE}")
    # Each validation writes a new time to the status file, by which they are counted. The first is that of the start.
    counted = machine.read(
        f"count() {{ local seen now n=-1; until ((n == {CALLS})); do"
        " now=$(grep -o '\"as_of_ms\":[0-9]*' /run/jarvis-node-agent/status.json 2>/dev/null);"
        ' [[ $now == "$seen" ]] || { ((n += 1)); seen=$now; ((n)) || used; }; sleep 0.1; done; used; };'
        f" used() {{ {CPU_MICROSECONDS}; }}; count",
        seconds=PATIENCE_SECONDS,
    )
    before, after = (int(word) for word in counted.split())
    ours = (after - before) / 1e6
    theirs = cpu_seconds(machine, "", CONTENDERS["httpx"] + f" {CALLS}", rounds=1)
    # No budget: httpx keeps its connection, which a node that validates every five minutes cannot.
    print(f"\n{CALLS} validations in one process: jarvis-node run {ours:.2f} s of CPU, httpx {theirs:.2f} s\n")


if __name__ == "__main__":
    main()
