"""A program for ARMv6 whose instructions are counted while it runs."""

import os
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from board.card import WORK

EMULATOR = "qemu-arm"
PLUGIN = WORK / "counting/plugin.so"
# Of the struct `counts` in plugin.h, and the places of what a day has in it.
WORDS = 22
BEGUN, GO, OVER, EXECUTED_IN_DAY, WAKE_UPS_IN_DAY = 16, 17, 19, 20, 21
PATIENCE_SECONDS = 120
DAY_PATIENCE_SECONDS = 900
# Where a program that lives through a day has its address 0.
BASE = 0x2_0000_0000
# By how much the other sides go before the program, in nice(1)'s numbers: a daemon takes more turns for a slow one.
AHEAD = 10
# For how long nothing may be executed until a program counts as waiting: emulated code runs in pieces of milliseconds.
STILL_SECONDS = 0.2


@dataclass(frozen=True)
class Day:
    """A day in virtual time, in seconds. For `away` at the beginning of each `away_every` the program's connections go to
    the port `closed`."""

    lasts: int
    away: int = 0
    away_every: int = 1
    closed: int = 0

    def with_closed(self, port):
        """This day with that port."""
        return replace(self, closed=port)

    def options(self):
        """For the plugin."""
        return f",base={BASE},day={self.lasts},away={self.away},away_every={self.away_every},closed={self.closed}"


class Counted:
    """A program under QEMU's user emulation. `marks`: the name of a file, at each writing to which the count is noted.
    `blocks`: a file that gets the count of each piece of code. `root`: where a dynamic program's libraries are.
    `day`: that it lives through in virtual time, with these `variables`."""

    def __init__(self, program, *arguments, marks=None, blocks=None, root=None, prefix=(), day=None, variables=None):
        self._counts = tempfile.NamedTemporaryFile(prefix="counts-")
        self._counts.truncate(8 * WORDS)
        self._output = tempfile.TemporaryFile()
        plugin = f"{PLUGIN},counts={self._counts.name}"
        plugin += f",marks={marks}" if marks else ""
        plugin += f",blocks={blocks}" if blocks else ""
        plugin += day.options() if day else ""
        emulator = [EMULATOR]
        if day:
            # The plugin's clock takes the place of the emulator's, not of the program's.
            emulator = ["env", f"LD_PRELOAD={PLUGIN}", EMULATOR, "-U", "LD_PRELOAD", "-B", hex(BASE)]
        libraries = []
        if root:
            folders = ":".join(f"{root}/{folder}" for folder in ("lib/arm-linux-gnueabi", "usr/lib/arm-linux-gnueabi"))
            libraries = ["-L", str(root), "-E", f"LD_LIBRARY_PATH={folders}"]
        self._process = subprocess.Popen(
            [
                # It ends with this process in every case.
                "setpriv", "--pdeathsig", "KILL", *prefix, "nice", "-n", str(AHEAD),
                *emulator, "-cpu", "arm1176", "-plugin", plugin, *libraries, str(program), *arguments,
            ],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], **(variables or {})},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(PATIENCE_SECONDS)
        self._counts.close()
        self._output.close()

    def executed(self):
        """The instructions so far."""
        return self._words()[0]

    def marks(self):
        """The count at each writing to the marked file, of the first fourteen."""
        words = self._words()
        return list(words[2:2 + words[1]])

    def day_has_begun(self):
        """Whether the program waits for its day to pass, having got its first verdict."""
        return self._words()[BEGUN]

    def begin_day(self):
        """Lets the day pass."""
        with open(self._counts.name, "r+b") as counts:
            counts.seek(8 * GO)
            counts.write(struct.pack("<Q", 1))

    def whole_day(self):
        """The instructions and the wake-ups of the day, once it is over."""
        self.wait_until(lambda: self._words()[OVER], "the end of its day", DAY_PATIENCE_SECONDS)
        words = self._words()
        return words[EXECUTED_IN_DAY], words[WAKE_UPS_IN_DAY]

    def settled(self):
        """The instructions once the program waits for something."""
        end = time.monotonic() + PATIENCE_SECONDS
        seen, since = self.executed(), time.monotonic()
        while time.monotonic() - since < STILL_SECONDS:
            time.sleep(0.01)
            now = self.executed()
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() > end:
                raise RuntimeError("the program does not come to rest")
        return seen

    def wait_until(self, holds, what, patience=PATIENCE_SECONDS):
        """Waits for a condition while the program runs."""
        end = time.monotonic() + patience
        while not holds():
            if self._process.poll() is not None:
                raise RuntimeError(f"the program ended before {what}: {self.output()}")
            if time.monotonic() > end:
                raise RuntimeError(f"no {what} within {patience} s: {self.output()}")
            time.sleep(0.01)

    def output(self):
        """What it has written to standard output and error."""
        self._output.seek(0)
        return self._output.read().decode()

    def finished(self):
        """Waits for its end, which must be a good one, and returns the instructions."""
        status = self._process.wait(PATIENCE_SECONDS)
        if status != 0:
            raise RuntimeError(f"the program ended with {status}: {self.output()}")
        return self.executed()

    def _words(self):
        return struct.unpack(f"<{WORDS}Q", Path(self._counts.name).read_bytes())
