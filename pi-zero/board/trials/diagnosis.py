"""What a person and a monitoring system ask a board: doctor, diag, and the metrics."""

import json

ARCHIVE = "/run/diag.tar.gz"
METRICS = "curl -sS --fail --unix-socket /run/jarvis-node-agent/node.sock http://node/v1/metrics"


def diagnosed(report, node, user):
    """Asks a valid node, whose broker answers `user`. Returns what doctor costs, without a budget: the emulator's CPU
    time grows with the load of its host."""
    machine = node.machine
    times, _, told = machine.read(
        "TIMEFORMAT='%3U %3S'; { time jarvis-node doctor --json >/run/doctor; } 2>/run/took; cat /run/took /run/doctor"
    ).partition("\n")
    failed = [check["check"] for check in json.loads(told)["checks"] if check["verdict"] == "fail"]
    report.equal("doctor finds nothing that fails", failed, [])
    files = machine.read(f"jarvis-node diag --out {ARCHIVE} && tar -tzf {ARCHIVE}", check=False)
    report.check("diag makes an archive with the journal", "journal" in files and "doctor" in files, files)
    told = machine.read(f"setpriv --reuid {user} --regid {user} --clear-groups {METRICS}", check=False)
    report.check("the metrics say valid", 'jarvis_node_outcome{outcome="valid"} 1' in told, told)
    return [("CPU of doctor, with its children", sum(float(word) for word in times.split()), "s", None)]
