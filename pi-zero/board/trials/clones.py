"""A card moved to another board than the one its node was accepted on. Boards differ in their serial numbers, which
the firmware of a real one writes into the device tree; QEMU writes none."""

import json
import shutil
import subprocess
import time

from ..card import WORK, BareCard
from ..installation import prepared
from ..machine import Machine
from ..qemu.boards import ZERO

SERIAL_A, SERIAL_B = "10000000a1b2c3d4", "10000000d4c3b2a1"
STATE = "/var/lib/jarvis-node-agent/state.json"


def cloned_card(report, stub, _stranger):
    """A card accepted on one board is copied, put into another board and taken over there, then put into a board
    without a number."""
    report.say("four boards, one card: the first accepts it, the others get copies")
    card = prepared(BareCard("clone"), stub, led="none", start_splay_secs=0).write()
    with board(card, SERIAL_A) as machine:
        daemon = machine.read("jarvis-node run >/run/daemon.log 2>&1 </dev/null & echo $!")
        kept = machine.read(f"until grep -qs passed {STATE}; do sleep 0.2; done; cat {STATE}; kill {daemon}")
        report.equal("the first board's number is remembered", json.loads(kept)["board"], SERIAL_A)
        report.equal("and the card is good there", check(machine)["outcome"], "valid")

    clone = shutil.copy(card, card.with_stem("card-clone-of-clone"))
    with board(clone, SERIAL_B) as machine:
        view = check(machine)
        report.equal("in another board it wants to be looked at", view["outcome"], "setup")
        report.check("with a fix that names the cloned card", "cloned" in (view["fix"] or ""), view["fix"])
        told = machine.run("jarvis-node check", check=False)
        report.equal("and with the exit code of setup", told.status, 78)
        report.equal("taken over", check(machine, "--accept-board")["outcome"], "valid")
        report.equal("it stays so", check(machine)["outcome"], "valid")
        after = json.loads(machine.read(f"cat {STATE}"))
        report.equal("the rest of what was remembered is kept", after, {**json.loads(kept), "board": SERIAL_B})
        owners = machine.read(f"ls -n {STATE} /var/lib/jarvis-node-agent/credential.json | awk '{{ print $3, $4 }}'")
        report.equal("and still the daemon's own", len(set(owners.splitlines())), 1)
    with board(clone, SERIAL_A) as machine:
        report.equal("back in the first board it is the clone", check(machine)["outcome"], "setup")

    with board(card, None) as machine:
        view = check(machine)
        report.equal("a board without a number asks nothing", view["outcome"], "valid")
        said = machine.read("cat /run/said") + str(view["reason"]) + str(view["fix"])
        report.equal("and says nothing about it", said, "NoneNone")


def board(card, serial):
    """A bare board with that serial number, or with none for `None`."""
    device_tree = None
    if serial is not None:
        device_tree = shutil.copy(ZERO.directory / "board.dtb", WORK / f"board-{serial}.dtb")
        subprocess.run(["fdtput", "-t", "s", device_tree, "/", "serial-number", serial], check=True)
    machine = Machine(
        ZERO, card, [f"board.clock={int(time.time())}"], log=WORK / f"{card.stem}.log", device_tree=device_tree
    )
    machine.wait_until_booted()
    return machine


def check(machine, *options):
    """The output of `jarvis-node check --json`."""
    return json.loads(machine.read(f"jarvis-node check --json {' '.join(options)} 2>/run/said", check=False))
