"""Compares boots side by side with another build's: when the LED is first lit, and when the first verdict is there.

Each build is booted from a card that has been booted before. What the host does meanwhile disturbs neither figure by
instructions: there each of them takes as long as any other, and the verdict is left out, since the stub's time is the
host's.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from .card import Card
from .installation import prepared
from .led import FirstLight
from .machine import Machine
from .qemu.boards import REPOSITORY, WORK, ZERO
from .stub import Stub

GPIO = 26
# What an instruction takes: two cycles of an ARM1176 at 1 GHz, or four. Idle, the board waits for real time.
BY_INSTRUCTIONS = {"2 ns": ("-icount", "shift=1"), "4 ns": ("-icount", "shift=2")}
BOOTED = "until systemctl show --property=FinishTimestampMonotonic --value | grep -qv '^0$'; do sleep 1; done"
# The kernel's time of the first line of a good verdict.
VERDICT = "journalctl -o short-monotonic -u {unit} | sed -n 's/^\\[ *\\([0-9.]*\\)\\].* valid: .*/\\1/p' | head -n 1"


class Build:
    """A commit's program and unit, and the card that they are on."""

    def __init__(self, repository, name, stub):
        self.name = name
        # The unit's name, which was another in version 0.1.0.
        (unit,) = [path.stem for path in (repository / "systemd").glob("*.service") if path.stem in UNITS]
        self._unit = unit
        self._card = prepared(
            Card(f"boots-{name}"), stub, repository, ca_file=f"/etc/{unit}/ca.pem", led={"gpio": GPIO}
        ).write()
        self.boot()

    def boot(self, options=()):
        """Boots it once. Returns the seconds from the kernel's start to the first light and to the first verdict."""
        used = WORK / f"{self._card.stem}-used.img"
        if used.exists():
            shutil.copy(used, self._card)
        with Machine(ZERO, self._card, [f"board.clock={int(time.time())}"], log=WORK / f"{used.stem}.log", options=options) as machine:
            light = FirstLight(machine, GPIO)
            machine.wait_until_booted(600)
            lit = light.seconds(within=300)
            machine.run(BOOTED, seconds=300)
            verdict = machine.read(f"until {VERDICT.format(unit=self._unit)} | grep .; do sleep 1; done", seconds=300)
            machine.run("sync")
        if not used.exists():
            shutil.copy(self._card, used)
        return lit, float(verdict)


UNITS = ("jarvis-node-agent", "jarvis-node")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, required=True, help="the other commit's repository, with its program built")
    parser.add_argument("--boots", type=int, default=5, help="of each build, by turns")
    arguments = parser.parse_args()
    for left in WORK.glob("card-boots-*-used.img"):
        left.unlink()
    with tempfile.TemporaryDirectory(prefix="stub-") as directory, Stub(Path(directory) / "home") as stub:
        stub.start()
        builds = [Build(REPOSITORY, "now", stub), Build(arguments.beside.resolve(), "then", stub)]
        rows = {
            f"light, {each} an instruction": [build.boot(options)[0] for build in builds]
            for each, options in BY_INSTRUCTIONS.items()
        }
        boots = [[build.boot() for build in builds] for _ in range(arguments.boots)]
    for place, what in enumerate(("light", "verdict")):
        rows[f"{what}, median of {arguments.boots}"] = [
            statistics.median(boot[build][place] for boot in boots) for build in range(len(builds))
        ]
    print("| seconds from the kernel's start to the first | now | then | now : then |\n|---|---|---|---|")
    for what, (now, then) in rows.items():
        print(f"| {what} | {now:.2f} | {then:.2f} | {now / then:.2f} |")


if __name__ == "__main__":
    main()
