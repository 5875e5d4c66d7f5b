#!/usr/bin/env python3
"""Cuts the power of an emulated board while its credential is replaced, again and again on one card, and holds every
boot afterwards to this: the node validates, with the credential last reported as installed or the one that was being
installed. With --package-cuts also while dpkg installs the package.

power_cuts.sh beside this builds what it needs and calls it.
"""

import argparse
import collections
import json
import random
import tempfile
import threading
import time
from pathlib import Path

from board.card import WORK, BareCard
from board.filesystem import after_a_cut, repair
from board.installation import CREDENTIAL, prepared
from board.machine import BoardDied, CardRefused, Machine
from board.qemu.boards import ZERO
from board.report import Report
from board.stub import Stub
from board.trials.package_cuts import PackageTrial

# When a cut falls, and how often: at any moment of a rotation, most of which is a TLS handshake; or from the first
# write to the card on, which is the part under test.
ANYWHERE, WRITING = "anywhere in a rotation", "once the card is written to"
PLACES = {ANYWHERE: 1, WRITING: 3}
# The share of cuts after which the next boot is cut as well: the journal is then replayed a second time.
BOOT_CUT_CHANCE = 0.2

# The program's messages about another credential file than the usual one.
ADOPTED = "a replacement of the credential was cut short after it was written"
ADOPTED_OVER_DAMAGE = "; the newer credential in "
FELL_BACK = "; the one before it, in "


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cuts", type=int, default=30, help="how often the power fails during a rotation (30)")
    arguments.add_argument("--package-cuts", type=int, default=0, help="how often while dpkg installs (0), an even number")
    arguments.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="where it does (at random)")
    options = arguments.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="stub-") as directory, Stub(Path(directory)) as stub:
        stub.start()
        for kind, cuts in ((Trial, options.cuts), (PackageTrial, options.package_cuts)):
            if cuts == 0:
                continue
            report.say(f"{cuts} power cuts {kind.WHILE}, --seed {options.seed}")
            trial = kind(report, stub, random.Random(options.seed))
            try:
                trial.run(cuts)
            except (BoardDied, RuntimeError) as trouble:
                report.check("the trial runs to its end", False, trouble)
            trial.tell()
    report.finish()


class Trial:
    """One card, and the credentials that it may hold."""

    WHILE = "while a credential is replaced"

    def __init__(self, report, stub, chance):
        self._report = report
        self._stub = stub
        self._chance = chance
        self._card = prepared(BareCard("cuts"), stub, led="none").write()
        self._log = WORK / "card-cuts.log"
        self._made = 0
        self._installed = json.loads(stub.read("credential.json"))["node_id"]
        self._in_flight = None
        self._written_before = 0
        # Seconds, as last measured.
        self._boot_takes = self._rotation_takes = self._writing_takes = 0.0
        self._seen = collections.Counter()

    def run(self, cuts):
        """Boots, rotates and cuts `cuts` times."""
        machine = self._boot()
        try:
            self._validates(machine, "before the first cut")
            for _ in range(2):  # the first is a warm-up
                self._measure(machine)
            for number in range(1, cuts + 1):
                place = self._chance.choices(list(PLACES), PLACES.values())[0]
                self._rotate_until_cut(machine, place)
                self._look_at_the_card()
                if self._chance.random() < BOOT_CUT_CHANCE:
                    self._cut_while_booting()
                machine = self._boot()
                self._validates(machine, f"cut {number}, {place}")
            left = machine.read(f"ls {CREDENTIAL}*").split()
        finally:
            machine.close()
        damaged = [name for name in left if ".damaged" in name]
        self._report.equal("no credential was ever found damaged", damaged, [])

    def tell(self):
        """The figures."""
        seen = self._seen
        rows = {
            "cuts in rotations": seen["cuts"],
            "  of them after the rotation's first write to the card": seen["cuts after a write"],
            "cuts while booting after a cut": seen["boots cut"],
            "cards the kernel mounted only after e2fsck": seen["refused"],
            "boots to the end": seen["boots"] - seen["refused"],
            "  in which the node was valid": seen["valid"],
            "boots after a cut that found the last credential reported as installed": seen["old"],
            "boots after a cut that found the one that was being installed": seen["new"],
            "boots that used .new, whole, beside the one before it": seen["adopted"],
            "boots that used .new, since the file itself was damaged or missing": seen["adopted over damage"],
            "boots that used .prev, since the file itself was damaged or missing": seen["fell back"],
            "cards looked at by e2fsck after a cut": seen["cards looked at"],
            "  whose journal held work": seen["journal had work"],
            "  that were sound once it was done": seen["sound"],
        }
        print(f"\nA rotation takes some {self._rotation_takes:.2f} s, of it {self._writing_takes:.2f} s from its first write to its last")
        for what, count in rows.items():
            print(f"  {what:<72}{count:>5}")
        print()

    def _boot(self):
        machine = Machine(ZERO, self._card, [f"board.clock={int(time.time())}"], log=self._log)
        self._seen["boots"] += 1
        started = time.monotonic()
        try:
            machine.wait_until_booted()
        except CardRefused:
            # A commit block of the journal may be half written, since QEMU's card takes one sector of it at a time.
            # Linux 6.1 then refuses to mount, later versions do not; e2fsck, which a Pi runs at boot, repairs it.
            machine.close()
            self._seen["refused"] += 1
            self._report.check("a card that the kernel refuses is repaired as at any boot", *repaired_or_not(self._card))
            return self._boot()
        except BoardDied:
            machine.close()
            raise
        self._boot_takes = time.monotonic() - started
        return machine

    def _validates(self, machine, when):
        told = machine.read("jarvis-node check --json 2>/run/said; cat /run/said")
        view, said = json.JSONDecoder().raw_decode(told)[0] if told.startswith("{") else {}, told.partition("\n")[2]
        outcome, node_id = view.get("outcome"), view.get("node_id")
        known = {self._in_flight: "new", self._installed: "old"}.get(node_id) if node_id else None
        if not self._report.check(
            f"{when}: valid, with the old credential or the new", outcome == "valid" and known,
            f"{node_id}; reported as installed: {self._installed}, in flight: {self._in_flight}; {told}",
        ):
            self._report.say(machine.read(f"ls -l {CREDENTIAL}*; wc -c {CREDENTIAL}*", check=False))
        self._seen["valid"] += outcome == "valid"
        # Before the first cut the card holds one credential only.
        self._seen[known] += self._seen["cuts"] > 0
        for sentence, name in (
            (ADOPTED, "adopted"), (ADOPTED_OVER_DAMAGE, "adopted over damage"), (FELL_BACK, "fell back"),
        ):
            self._seen[name] += sentence in said
        if said:
            self._report.say(f"      {said}")
        self._installed, self._in_flight = node_id, None

    def _measure(self, machine):
        """Measures how long a rotation and its writing part take, which depends on the host's load."""
        done, writes = threading.Event(), []
        watcher = threading.Thread(target=watch_writes, args=(self._card, done, writes))
        watcher.start()
        started = time.monotonic()
        self._install(machine)
        self._rotation_takes = time.monotonic() - started
        done.set()
        watcher.join()
        self._writing_takes = writes[-1] - writes[0]

    def _install(self, machine):
        """Installs a new credential."""
        self._made += 1
        self._in_flight = f"node-{self._made}"
        credential = self._stub.add_node(self._in_flight)
        self._written_before = last_write(self._card)
        finished = machine.run(f"jarvis-node install-credential <<'END'\n{credential}\nEND", check=False)
        if finished.status != 0:
            raise RuntimeError(f"install-credential ended with {finished.status}: {finished.output}")
        self._installed, self._in_flight = self._in_flight, None

    def _rotate_until_cut(self, machine, place):
        """Installs one credential after the other until the power fails."""
        if place == WRITING:
            self._measure(machine)
            delay, written = self._chance.uniform(0, 1.2 * self._writing_takes), last_write(self._card)
        else:
            delay, written = self._chance.uniform(0, 1.5 * self._rotation_takes), None
        cutter = threading.Thread(target=cut, args=(machine, delay, self._card, written), daemon=True)
        cutter.start()
        try:
            while True:
                self._install(machine)
        except BoardDied:
            cutter.join()
        finally:
            machine.close()
        self._seen["cuts"] += 1
        self._seen["cuts after a write"] += self._in_flight is not None and last_write(self._card) != self._written_before

    def _cut_while_booting(self):
        machine = Machine(ZERO, self._card, [f"board.clock={int(time.time())}"], log=self._log)
        self._report.say("      and again during the boot")
        time.sleep(self._chance.uniform(0, self._boot_takes))
        machine.cut_power()
        machine.close()
        self._seen["boots cut"] += 1
        self._look_at_the_card()

    def _look_at_the_card(self):
        card = after_a_cut(self._card)
        self._seen["cards looked at"] += 1
        self._seen["journal had work"] += card.journal_had_work
        self._seen["sound"] += card.complaints == ""
        self._report.check("the file system is sound once its journal is replayed", not card.complaints, card.complaints)


def repaired_or_not(card):
    complaint = repair(card)
    return complaint == "", complaint


def cut(machine, delay, card, written):
    """Cuts the power some seconds from now; with `written`, from the moment on at which the card is next written to."""
    if written is not None:
        wait_for_write(machine, card, written)
    time.sleep(delay)
    machine.cut_power()


def last_write(card):
    """When QEMU last wrote to the image, as the host's file system has it."""
    return card.stat().st_mtime_ns


def watch_writes(card, done, writes):
    """Adds the moment of each write to the image until it is `done`."""
    before = last_write(card)
    while not done.is_set():
        if (now := last_write(card)) != before:
            before = now
            writes.append(time.monotonic())
        time.sleep(0.001)


def wait_for_write(machine, card, before):
    """Returns when the image is written to, or the machine has ended."""
    while last_write(card) == before and machine.runs():
        time.sleep(0.001)


if __name__ == "__main__":
    main()
