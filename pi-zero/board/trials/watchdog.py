"""A daemon that hangs."""

import time

from ..node import SERVICE, VALID


def main_loop_blocked(report, node):
    """systemd's watchdog starts it again."""
    before = node.pid()
    node.signal("STOP")
    report.check(
        "main loop blocked: the watchdog restarts it",
        wait_for(lambda: node.pid() not in (0, before), seconds=180),
    )
    journal = node.machine.read(f"journalctl -u {SERVICE} -o cat")
    report.check("by the watchdog and nothing else", "Watchdog timeout" in journal, journal[-600:])
    node.shows("and the verdict is back", VALID)


def wait_for(condition, seconds=60):
    """Whether the condition holds within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
