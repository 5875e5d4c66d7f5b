"""What a day costs the board: the program itself lives through it, in virtual time (virtual_time.c)."""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from board.card import REPOSITORY
from board.stub import HeldPort

from .program import Counted, Day
from .radio import Radio
from .rows import LED, WITH_LED, home

DAY_SECONDS = 24 * 3600
UNIT = REPOSITORY / "systemd/jarvis-node-agent.service"
# From the first verdict on. In an outage the server's port refuses connections from then on; one that is flapping does so in
# the first five minutes of every ten.
DAYS = {
    "valid": Day(DAY_SECONDS),
    "outage": Day(DAY_SECONDS, away=DAY_SECONDS, away_every=DAY_SECONDS),
    "flapping": Day(DAY_SECONDS, away=300, away_every=600),
}
WHAT = ("instructions", "wake-ups", "bytes sent", "bytes received")


def of(program):
    """Every row, as pairs of name and number."""
    with ThreadPoolExecutor() as together:
        counts = together.map(lambda day: count(program, day), DAYS.values())
        for kind, numbers in zip(DAYS, counts):
            for what, number in zip(WHAT, numbers):
                yield f"day of {kind}: {what}", number


def count(program, day):
    """Lets a program live through this day as its unit starts it, with a kernel's LED and the watchdog."""
    with home() as one, service_manager(one.directory / "notify") as manager, HeldPort() as closed:
        config = one.config("day", led={"sysfs": LED})
        with Radio((one.stub.port, closed.number)) as radio, Counted(
            program, "run", "--config", config, day=day.with_closed(closed.number), prefix=WITH_LED, variables=manager
        ) as daemon:
            daemon.wait_until(daemon.day_has_begun, "the first verdict")
            sent, received = radio.quiet()
            daemon.begin_day()
            executed, wake_ups = daemon.whole_day()
            sent_by_then, received_by_then = radio.quiet()
            return executed, wake_ups, sent_by_then - sent, received_by_then - received


@contextmanager
def service_manager(path):
    """Takes what the program tells; yields the variables that systemd would set."""
    seconds = int(re.search(r"^WatchdogSec=(\d+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)[1])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(path))

        def listen():
            while told.recv(4096) != b"":
                pass

        reader = threading.Thread(target=listen)
        reader.start()
        try:
            yield {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(seconds * 1_000_000)}
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"", str(path))
            reader.join()
