"""Samples of the daemon's process: the kernel's counters, and whether the daemon keeps its own deadlines."""

import collections
import json

# Memory in KiB; descriptors as the kernel names them; overdue and due_in in seconds, of which one is 0; as_of_ms: the
# time of its last answer.
Sample = collections.namedtuple("Sample", "uptime VmHWM VmRSS RssAnon Threads descriptors overdue due_in as_of_ms")

FIELDS = ("VmHWM", "VmRSS", "RssAnon", "Threads")


def read_sample(machine, pid, status_file="/run/jarvis-node-agent/status.json"):
    """The process `pid` now."""
    told = machine.read(
        # A descriptor may close during the listing.
        f"grep -E '^({'|'.join(FIELDS)}):' /proc/{pid}/status; readlink /proc/{pid}/fd/* | sed 's/^/fd: /';"
        f" cat {status_file}; echo; sed 's/^/uptime: /' /proc/uptime"
    )
    counted, descriptors, status, uptime = {}, [], None, 0.0
    for line in told.splitlines():
        name, _, value = line.partition(":")
        if name in FIELDS:
            counted[name] = int(value.split()[0])
        elif name == "fd":
            descriptors.append(value.strip())
        elif name == "uptime":
            uptime = float(value.split()[0])
        elif line.startswith("{"):
            status = json.loads(line)
    if len(counted) != len(FIELDS) or status is None:
        raise RuntimeError(f"process {pid} cannot be looked at: {told}")
    late = uptime - status["due_ms"] / 1000
    return Sample(
        uptime=uptime, descriptors=descriptors,
        overdue=max(late, 0.0), due_in=max(-late, 0.0), as_of_ms=status["as_of_ms"], **counted,
    )
