#!/usr/bin/env python3
"""Runs the unit on an emulated board against a server that does one thing wrong after the other, while keys are
replaced and the server comes and goes, and holds the daemon to this: it takes no more memory and no more descriptors
as time goes by, misses no deadline, is never started anew, and is valid once the server is well again.

soak.sh beside this builds what it needs and calls it.
"""

import argparse
import itertools
import random
import statistics
import tempfile
import time
from pathlib import Path

from board.card import WORK, Card
from board.footprint import read_sample
from board.installation import prepared
from board.machine import BoardDied, Machine
from board.node import Node
from board.qemu.boards import ZERO
from board.report import Report
from board.stub import Stub

# Short, so that a run of minutes holds many faults.
TIMES = {"revalidate_secs": 2, "request_timeout_secs": 8, "connect_timeout_secs": 4, "start_splay_secs": 0}
SAMPLE_SECONDS = 2
# How long one fault lasts.
FAULT_SECONDS = (3, 10)
# A daemon whose next check is later than this gets a reload.
PATIENCE_SECONDS = 10

# KiB of anonymous memory, between the first half of what is left after the warm-up and the second: of the median, and
# of the highest sample, which depends on what went wrong just then.
MEDIAN_GROWTH = 16
HIGHEST_GROWTH = 64
# Seconds; generous, because the host may be busy.
LATEST = 20
# The server is well for a moment after so many troubles.
TROUBLES_IN_A_ROW = 4
# Without a fault, before and after.
QUIET_SECONDS = 15

FIGURES = {
    "memory of its own, KiB": lambda sample: sample.RssAnon,
    "memory, KiB": lambda sample: sample.VmRSS,
    "its peak, KiB": lambda sample: sample.VmHWM,
    "threads": lambda sample: sample.Threads,
    "open descriptors": lambda sample: len(sample.descriptors),
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=15, help="how long (15)")
    arguments.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="what goes wrong (at random)")
    options = arguments.parse_args()
    report = Report()
    report.say(f"{options.minutes} minutes of trouble, --seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="stub-") as directory, Stub(Path(directory)) as stub:
        stub.start()
        card = prepared(Card("soak"), stub, led={"gpio": 26}, **TIMES).write()
        try:
            with Machine(ZERO, card, [f"board.clock={int(time.time())}"], log=WORK / "card-soak.log") as machine:
                machine.wait_until_booted()
                Soak(report, machine, stub, random.Random(options.seed)).run(options.minutes * 60)
        except (BoardDied, RuntimeError) as trouble:
            report.check("the soak runs to its end", False, trouble)
    report.finish()


class Soak:
    """One board under faults."""

    def __init__(self, report, machine, stub, chance):
        self._report = report
        self._machine = machine
        self._stub = stub
        self._chance = chance
        self._node = Node(machine, None, report)
        self._first_credential = stub.read("credential.json")
        self._faults = stub.known_faults()
        self._rotated = False
        self._done = {"faults": 0, "keys replaced": 0, "server restarts": 0}
        self._samples = []

    def run(self, seconds):
        """Runs the whole soak."""
        self._report.check("valid before any trouble", self._becomes_valid(), self._node.status())
        pid = self._pid = self._node.pid()
        self._hold(QUIET_SECONDS)
        quiet = len(self._samples)
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            for _ in range(TROUBLES_IN_A_ROW):
                self._chance.choices((self._fault, self._replace_key, self._restart_server), (12, 1, 1))[0]()
                self._hold(self._chance.uniform(*FAULT_SECONDS))
            self._recover()
        troubled = len(self._samples)
        self._hold(QUIET_SECONDS)
        self._report.equal("the same process all the time", self._node.pid(), pid)
        self._report.equal("started anew by nobody", self._node.property("NRestarts"), "0")
        self._judge(self._samples[quiet:troubled], time.monotonic() - started)
        # A sample may fall into a call, so the lowest number counts.
        few = [min((s.descriptors for s in part), key=len) for part in (self._samples[:quiet], self._samples[troubled:])]
        self._report.check("and open descriptors are those of the beginning", len(few[0]) == len(few[1]), few)

    def _fault(self):
        """Applies one fault, or several that go together."""
        faults = self._chance.sample(self._faults, self._chance.choice((1, 1, 2)))
        try:
            self._stub.misbehave(*faults)
        except RuntimeError:  # they contradict each other
            faults = faults[:1]
            self._stub.misbehave(*faults)
        self._done["faults"] += 1
        self._wake()
        self._report.say(f"      {' and '.join(faults)}")

    def _recover(self):
        """Makes the server well. The node notices by itself, or after a reload where it may wait for minutes."""
        self._stub.misbehave()
        self._sample()
        self._wake()
        self._report.check("hears from a server that is well again", self._hears(), self._node.status())
        self._report.check("and is valid", self._becomes_valid(), self._node.status())

    def _replace_key(self):
        """Rotates the key on the server and installs it on the board, as an administrator does; in between the node is
        rejected."""
        self._stub.misbehave()
        credential = self._stub.rotate_key()
        self._rotated = True
        self._hold(self._chance.choice((0, 2 * TIMES["revalidate_secs"])))
        self._install(credential)

    def _restart_server(self):
        """Restarts the server. It forgets the rotated keys, so the first credential is good again."""
        self._stub.stop()
        self._hold(self._chance.uniform(*FAULT_SECONDS))
        self._stub.start()
        if self._rotated:
            self._install(self._first_credential)
            self._rotated = False
        self._done["server restarts"] += 1
        self._report.say("      the server was away")

    def _install(self, credential):
        """Installs a credential; the daemon notices it without a signal."""
        told = self._machine.run(f"jarvis-node install-credential <<'END'\n{credential}\nEND", check=False)
        # The daemon may have called with the old credential meanwhile and been rejected; no other answer is allowed.
        self._report.check("a new key is installed and taken up", told.status == 0 and self._becomes_valid(), told.output)
        self._done["keys replaced"] += 1

    def _wake(self):
        """Reloads the daemon if its next check is minutes away after many failures."""
        if self._samples and self._samples[-1].due_in > PATIENCE_SECONDS:
            self._node.reload()

    def _hears(self, seconds=120):
        """Whether the daemon gets another answer than its last one."""
        last = self._samples[-1].as_of_ms
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._hold(1)
            if self._samples[-1].as_of_ms != last:
                return True
        return False

    def _becomes_valid(self, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                view = self._node.status()
            except RuntimeError:
                view = {}  # not written yet
            if view.get("outcome") == "valid" and view["source"] == "server":
                return True
            time.sleep(0.5)
        return False

    def _hold(self, seconds):
        """Waits, and samples the process meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._sample()
            time.sleep(max(0, min(SAMPLE_SECONDS, deadline - time.monotonic())))

    def _sample(self):
        self._samples.append(read_sample(self._machine, self._pid))

    def _judge(self, samples, seconds):
        settled = samples[len(samples) // 4:]
        parts = settled[: len(settled) // 2], settled[len(settled) // 2:]
        print(f"\n{seconds / 60:.1f} minutes, {len(samples)} samples; " + ", ".join(
            f"{count} {what}" for what, count in self._done.items()
        ))
        print(f"  {'medians and the highest':<34}{'start':>8}{'earlier':>9}{'later':>8}{'highest':>9}")
        for name, figure in FIGURES.items():
            print(f"  {name:<34}" + "{:>8.0f}{:>9.0f}{:>8.0f}".format(
                *(statistics.median(map(figure, part)) for part in (samples[:5], *parts))
            ) + f"{max(map(figure, samples)):>9}")
        anonymous = FIGURES["memory of its own, KiB"]
        slope = statistics.linear_regression([s.uptime for s in settled], [anonymous(s) for s in settled]).slope
        print("  its own memory as it changed:", *(size for size, _ in itertools.groupby(map(anonymous, samples))))
        print(f"  a straight line through its own memory rises by {slope * 60:+.2f} KiB a minute")
        latest = max(sample.overdue for sample in samples)
        print(f"  the latest that a deadline was seen past: {latest:.1f} s\n")

        median, highest = ([judge(map(anonymous, part)) for part in parts] for judge in (statistics.median, max))
        self._report.check(
            f"memory does not grow (its median by at most {MEDIAN_GROWTH} KiB, its highest by {HIGHEST_GROWTH})",
            median[1] <= median[0] + MEDIAN_GROWTH and highest[1] <= highest[0] + HIGHEST_GROWTH,
            f"median {median[0]} to {median[1]} KiB, highest {highest[0]} to {highest[1]} KiB",
        )
        threads = {sample.Threads for sample in samples}
        self._report.check("threads are always as many", len(threads) == 1, threads)
        self._report.check(f"no deadline is missed by {LATEST} s", latest < LATEST, f"{latest:.1f} s")


if __name__ == "__main__":
    main()
