"""Measures on the board, by the kernel's counters, what jarvis-node costs."""

import collections
import json
import time

from .card import WORK
from .node import AS_NODE, SERVICE

STEADY_SECONDS = 60
CHECKS = 5
REVALIDATIONS = 3

SWITCHES = "cat /proc/{pid}/task/*/status | awk '/^voluntary_ctxt_switches/ {{ sum += $2 }} END {{ print sum }}'"
CARD_WRITES = "awk '{ print $5, $7 }' /sys/block/mmcblk0/stat"
CPU_MICROSECONDS = f"awk '/usage_usec/ {{ print $2 }}' /sys/fs/cgroup/system.slice/{SERVICE}/cpu.stat"


def megabytes(kibibytes):
    """The kernel counts memory in KiB; the budgets are in MB."""
    return int(kibibytes) * 1024 / 1e6


def measure(node):
    """The table's rows, measured on a service that shows `valid`."""
    steady = steady_state(node)
    return [
        ("binary size", (WORK / "jarvis-node").stat().st_size / 1e6, "MB", 1.85),
        ("peak RSS of the service", megabytes(of_process(node, "VmHWM")), "MB", 1.8),
        ("RssAnon in valid", megabytes(of_process(node, "RssAnon")), "MB", 0.6),
        ("threads", int(of_process(node, "Threads")), "", 2),
        *steady,
        *one_check(node),
        ("CPU of one revalidation in the service", revalidation_cpu(node), "s", None),
    ]


def measure_broker(node):
    """The rows for a service that has handed out a token."""
    (label, woken, unit, budget), *_ = steady_state(node)
    return [
        ("peak RSS with the broker on", megabytes(of_process(node, "VmHWM")), "MB", None),
        ("RssAnon with the broker on", megabytes(of_process(node, "RssAnon")), "MB", 1.0),
        ("threads with the broker on", int(of_process(node, "Threads")), "", 3),
        (f"{label}, with the broker on", woken, unit, budget),
    ]


def of_process(node, field):
    """A line of /proc/PID/status."""
    return node.machine.read(f"awk '/^{field}:/ {{ print $2 }}' /proc/{node.pid()}/status")


def steady_state(node):
    """Counts wake-ups of the process and writes to the card in a minute without events."""
    pid = node.pid()
    switches = SWITCHES.format(pid=pid)
    written = f"awk '/^write_bytes/ {{ print $2 }}' /proc/{pid}/io"
    # The pause is the measurement. It runs on the board, so that the command channel is quiet too.
    figures = node.machine.read(
        f"sync; {switches}; {written}; {CARD_WRITES}; sleep {STEADY_SECONDS}; {switches}; {written}; {CARD_WRITES}",
        seconds=STEADY_SECONDS + 120,
    )
    before, after = (lambda words: (words[: len(words) // 2], words[len(words) // 2 :]))(
        [int(word) for word in figures.split()]
    )
    woken, own_bytes, card_writes, card_sectors = (b - a for a, b in zip(before, after))
    return [
        ("wake-ups in 60 s of valid", woken, "", 10),
        ("bytes it wrote to the card in 60 s of valid", own_bytes, "", 0),
        ("writes to the card in 60 s, whole system", card_writes, "", 0),
        ("sectors of them", card_sectors, "", 0),
    ]


def one_check(node):
    """CPU time from start to verdict in a process of its own, over some rounds after a warm-up, and peak memory."""
    times = node.machine.read(
        f"{AS_NODE} bash -c 'jarvis-node check >/dev/null; TIMEFORMAT=\"%3U %3S\";"
        f" for round in $(seq {CHECKS}); do time jarvis-node check >/dev/null; done'"
    )
    seconds = [float(word) for word in times.split()]
    # time counts the largest process that was waited for: without systemctl, which is larger than check.
    alone = "env PATH=/nowhere /usr/bin/time -f %M /usr/local/bin/jarvis-node check"
    peak = node.machine.read(f"{AS_NODE} {alone} 2>&1 >/dev/null").split()[-1]
    return [
        ("CPU from start to verdict (check)", sum(seconds) / CHECKS, "s", None),
        ("peak RSS of check", megabytes(peak), "MB", 1.95),
    ]


def revalidation_cpu(node):
    """CPU time of one more validation in the running service. Each takes a new connection, since the server closes
    idle ones."""
    pid = node.pid()
    before = int(node.machine.read(CPU_MICROSECONDS))
    for _ in range(REVALIDATIONS):
        node.machine.run(f"kill -HUP {pid}")
        settle(node)
    return (int(node.machine.read(CPU_MICROSECONDS)) - before) / 1e6 / REVALIDATIONS


def settle(node, quiet_seconds=3, seconds=60):
    """Waits until the service has used no CPU for a while."""
    deadline = time.monotonic() + seconds
    used, since = node.machine.read(CPU_MICROSECONDS), time.monotonic()
    while time.monotonic() - since < quiet_seconds and time.monotonic() < deadline:
        time.sleep(0.5)
        if (now := node.machine.read(CPU_MICROSECONDS)) != used:
            used, since = now, time.monotonic()


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
