"""The power fails while dpkg installs the package: in the place of version 0.1.0, and as an upgrade."""

import collections
import contextlib
import hashlib
import threading
import time

from ..card import WORK, copy
from ..filesystem import after_a_cut, repair
from ..led import Lamp
from ..machine import BoardDied, CardRefused, Machine
from ..node import SERVICE, VALID, Node
from ..qemu.boards import ZERO
from .beside import GPIO, old_card
from .packages import APT_SECONDS, LATER, package

# Of both layouts: the one file may be at the old place, the new one, or at both.
CREDENTIALS = "sha256sum /var/lib/jarvis-node*/credential.json | cut -d' ' -f1 | sort -u"
WHAT_DPKG_KNOWS = "dpkg-query -W -f '${Status} ${Version}' jarvis-node 2>/dev/null || echo nothing"


class PackageTrial:
    """Cards with version 0.1.0, each of which loses its power twice: while the package takes its place, and while the
    next version of it is installed."""

    WHILE = "while dpkg installs the package"

    def __init__(self, report, stub, chance):
        self._report = report
        self._chance = chance
        self._first, self._next = package(ZERO), package(ZERO, LATER)
        self._fresh = old_card(stub, "old-layout", [self._first, self._next])
        self._card = self._fresh.with_stem("card-package-cuts")
        self._credential = hashlib.sha256(stub.read("credential.json").encode()).hexdigest()
        # Seconds. The first is a guess.
        self._installation_takes = 120.0
        self._left_by_cuts = collections.Counter()
        self._journal_had_work = 0

    def run(self, cuts):
        """Cuts the power `cuts` times, an even number."""
        for number in range(1, cuts + 1, 2):
            self._card.unlink(missing_ok=True)
            copy(self._fresh, self._card)
            with self._booted() as node:
                node.shows("version 0.1.0", VALID, seconds=300)
                self._install_until_cut(node.machine, self._first)
            with self._booted() as node:
                self._put_right(node, f"cut {number}, while the package took the place of version 0.1.0", self._first)
                self._install_until_cut(node.machine, self._next)
            with self._booted() as node:
                self._put_right(node, f"cut {number + 1}, in the upgrade", self._next)

    def tell(self):
        """The figures."""
        print(f"\nThe last installation took {self._installation_takes:.0f} s. Cuts, by what dpkg knew of the package afterwards:")
        for known, count in sorted(self._left_by_cuts.items()):
            print(f"  {known:<60}{count:>5}")
        print(f"  {'cards whose journal held work':<60}{self._journal_had_work:>5}\n")

    @contextlib.contextmanager
    def _booted(self):
        """A boot of the card, repaired before if the kernel refuses it, as a Raspberry Pi does at boot."""
        machine = self._powered()
        try:
            try:
                machine.wait_until_booted(seconds=400)
            except CardRefused:
                machine.close()
                complaint = repair(self._card)
                self._report.check("a card that the kernel refuses is repaired as at any boot", complaint == "", complaint)
                machine = self._powered()
                machine.wait_until_booted(seconds=400)
            with Lamp(machine, GPIO) as lamp:
                yield Node(machine, lamp, self._report)
        finally:
            machine.close()

    def _powered(self):
        return Machine(ZERO, self._card, [f"board.clock={int(time.time())}"], log=WORK / "card-package-cuts.log")

    def _install_until_cut(self, machine, deb):
        """Installs the package, again and again if the power lasts."""
        cutter = threading.Timer(self._chance.uniform(0, self._installation_takes), machine.cut_power)
        cutter.start()
        try:
            while True:
                self._install(machine, deb)
        except BoardDied:
            cutter.join()
        card = after_a_cut(self._card)
        self._journal_had_work += card.journal_had_work
        self._report.check("the file system is sound once its journal is replayed", not card.complaints, card.complaints)

    def _put_right(self, node, what, deb):
        """The node works after the cut as it did before, and still when the installation is taken up again."""
        machine, report = node.machine, self._report
        known = machine.read(WHAT_DPKG_KNOWS)
        self._left_by_cuts[known] += 1
        node.shows(f"{what}, which left '{known}'", VALID, seconds=300)
        report.equal("with its credential", machine.read(CREDENTIALS), self._credential)
        said = machine.run("dpkg --configure -a 2>&1", seconds=APT_SECONDS, check=False)
        report.check("dpkg --configure -a", said.status == 0, said.output)
        whole = f"install ok installed {deb.name.split('_')[1]}"
        if machine.read(WHAT_DPKG_KNOWS) != whole:
            self._install(machine, deb)
        report.equal("the package is whole", machine.read(WHAT_DPKG_KNOWS), whole)
        node.shows("and the node valid", VALID)
        runs = machine.read(f"readlink /proc/{node.pid()}/exe; systemctl is-enabled {SERVICE}").split()
        report.equal("by the package's program", runs, ["/usr/bin/jarvis-node", "enabled"])
        report.equal("still with its credential", machine.read(CREDENTIALS), self._credential)

    def _install(self, machine, deb):
        command = f"dpkg -i /root/{deb.name}"
        started = time.monotonic()
        said = machine.run(f"{command} 2>&1", seconds=APT_SECONDS, check=False)
        self._report.check(command, said.status == 0, said.output)
        self._installation_takes = time.monotonic() - started
