#!/usr/bin/env python3
"""Tests jarvis-node on emulated Pi Zeros, watching the LED from outside.

test.sh beside this builds what it needs and calls it; with names of boards only those are booted, otherwise all Zeros.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from board import footprint, node as lamp_shows
from board.card import WORK, Card
from board.installation import CA_FILE, CREDENTIAL, prepared
from board.led import Lamp
from board.machine import BoardDied, Machine
from board.node import Node
from board.qemu.boards import ZERO
from board.report import Report
from board.stub import SilentServer, Stub
from board.trials.beside import moved_board
from board.trials.clones import cloned_card
from board.trials.early import early_board
from board.trials.joining import joining_board, zero2w_board
from board.trials.tokens import service_tokens
from board.trials.watchdog import main_loop_blocked, wait_for

ACT_GPIO = 47
WIRED_GPIO = 26
# Where a board's clock starts. An hour later, since Linux refuses to set a time before its own start.
NEW_YEAR_1970 = 3600
# Shorter than the default, so that a request to the silent server fails sooner.
REQUEST_TIMEOUT_SECONDS = 15


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="stub-") as directory:
        with Stub(Path(directory) / "ours") as stub, Stub(Path(directory) / "theirs") as stranger:
            stub.start()
            stranger.start()
            for board in BOARDS:
                if board.__name__ not in (sys.argv[1:] or OF_A_ZERO):
                    continue
                try:
                    board(report, stub, stranger)
                except (BoardDied, RuntimeError) as trouble:
                    report.check(f"{board.__name__} runs to its end", False, trouble)
    report.finish()


def wired_led_board(report, stub, stranger):
    """The unit as shipped: an unprivileged user drives GPIO26 through the character device."""
    report.say("first board: an LED on GPIO26, the clock right, a server that does not answer")
    card = prepared(Card("wired"), stub, led={"gpio": WIRED_GPIO}, request_timeout_secs=REQUEST_TIMEOUT_SECONDS).write()
    stub.stop()
    silent = SilentServer(stub.port)
    with booted(card, f"board.clock={int(time.time())}") as machine, Lamp(machine, WIRED_GPIO) as lamp:
        node = Node(machine, lamp, report)
        machine.wait_until_booted()
        report.equal("the service runs as", machine.read(f"stat -c %U /proc/{node.pid()}"), "jarvis-node-agent")
        node.shows("the silent server given up", lamp_shows.SERVER)
        silent.close()
        stub.start()
        node.reload()
        node.shows("server there", lamp_shows.VALID)
        report.equal("status says the same, to anyone who asks", node.status()["outcome"], "valid")
        credential = machine.read(f"sha256sum {CREDENTIAL}")
        rows = footprint.measure(node)

        server_outage(report, node, stub)
        process_killed(report, node)
        report.equal("the credential is untouched by all that", machine.read(f"sha256sum {CREDENTIAL}"), credential)
        key_rotated(node, stub)
        wrong_authority(node, stub, stranger)
        clock_at_1970(node)
        rows += service_tokens(report, node, stub)
        node.shows("without the broker again", lamp_shows.VALID)
        main_loop_blocked(report, node)
        stopped(report, node)
    report.budgets("What jarvis-node costs a Pi Zero", rows)


def server_outage(report, node, stub):
    stub.stop()
    node.reload()
    node.shows("server stopped", lamp_shows.VALID_CACHED)
    report.equal("status names the cache as source", node.status()["source"], "cache")
    node.signal("KILL")
    node.shows("killed while the server is away, the last verdict survives", lamp_shows.VALID_CACHED)
    stub.start()
    node.reload()
    node.shows("server back", lamp_shows.VALID)


def process_killed(report, node):
    before = node.pid()
    node.signal("KILL")
    report.check("SIGKILL: systemd starts it again", wait_for(lambda: node.pid() not in (0, before)))
    node.shows("and the verdict is back", lamp_shows.VALID)
    valid = "MESSAGE_ID=94db6f455b7b419aa6986e862947e79c"
    fields = node.machine.read(f"journalctl -u {lamp_shows.SERVICE} {valid} -o json -n 1")
    report.check("the journal has the outcome as a field", '"JARVIS_OUTCOME":"valid"' in fields, fields[-600:])


def key_rotated(node, stub):
    credential = stub.rotate_key()
    node.reload()
    node.shows("node key rotated on the server", lamp_shows.NODE_REJECTED)
    node.install_credential(credential)
    node.reload()
    node.shows("new credential installed", lamp_shows.VALID)


def wrong_authority(node, stub, stranger):
    node.stop()
    node.machine.write_file(CA_FILE, stranger.read("ca.pem"))
    node.start()
    node.shows("server's certificate signed by someone else", lamp_shows.TLS)
    node.machine.write_file(CA_FILE, stub.read("ca.pem"))
    node.reload()
    node.shows("right authority again", lamp_shows.VALID)


def clock_at_1970(node):
    node.stop()
    node.set_clock(NEW_YEAR_1970)
    node.start()
    node.shows("the board's clock at 1970", lamp_shows.CLOCK)
    node.set_clock(time.time())
    node.shows("clock set, nobody touches the node", lamp_shows.VALID)


def stopped(report, node):
    node.stop()
    node.shows("service stopped", lamp_shows.DARK)
    report.equal("it ended in good order", node.property("Result"), "success")
    report.equal("with exit code", node.property("ExecMainStatus"), "0")


def own_led_board(report, stub, stranger):
    """The board's ACT LED through sysfs, a clock that starts at 1970 and a server that is gone; rppal at the end."""
    report.say("second board: its own ACT LED, the clock at 1970, the server gone")
    card = prepared(Card("own"), stub, led={"sysfs": "ACT"}).write()
    stub.stop()
    # iomem=relaxed: Debian's kernel has no /dev/gpiomem, so rppal must map the GPIO block through /dev/mem.
    with booted(card, f"board.clock={NEW_YEAR_1970}", "iomem=relaxed") as machine:
        with Lamp(machine, ACT_GPIO) as lamp:
            node = Node(machine, lamp, report)
            node.shows("booted at 1970", lamp_shows.CLOCK, seconds=240)
            machine.wait_until_booted()
            node.set_clock(time.time())
            node.shows("clock set, server gone since boot", lamp_shows.NETWORK)
            stub.start()
            node.shows("server comes, nobody touches the node", lamp_shows.VALID)
            report.equal("the LED is taken from its trigger", trigger(machine), "none")
            machine.run("modprobe ledtrig-timer && echo timer >/sys/class/leds/ACT/trigger")
            report.equal("another program gives it a trigger", trigger(machine), "timer")
            node.reload()
            node.shows("another program's trigger is taken away again", lamp_shows.VALID)
            report.equal("for good", trigger(machine), "none")
            node.stop()
            report.equal("and given back at the end", trigger(machine), "heartbeat")
        through_rppal(report, machine)


def through_rppal(report, machine):
    """Raspberry Pi OS has /dev/gpiomem. Here that name can be opened but not mapped, so rppal takes /dev/mem, which
    reaches the same registers."""
    machine.run("mknod /dev/gpiomem c 1 3")
    config = json.loads(machine.read("cat /etc/jarvis-node-agent/config.json"))
    machine.write_file("/tmp/led.json", json.dumps({**config, "led": {"gpio": WIRED_GPIO}}))
    with Lamp(machine, WIRED_GPIO) as lamp:
        pid = machine.read("jarvis-node led --config /tmp/led.json network >/tmp/led.log 2>&1 & echo $!")
        mapped = wait_for(lambda: "/dev/mem" in machine.read(f"cat /proc/{pid}/maps", check=False), seconds=8)
        report.check("as root the GPIO registers are mapped: rppal drives", mapped, machine.read("cat /tmp/led.log"))
        shown = lamp.wait_for(lamp_shows.NETWORK, seconds=30)
        report.equal("through it, 'jarvis-node led network'", shown, lamp_shows.NETWORK)
        ended = wait_for(lambda: machine.run(f"kill -0 {pid}", check=False).status != 0)
        report.check("which ends by itself", ended)
        report.equal("and had nothing to complain of", machine.read("cat /tmp/led.log"), "")


def booted(card, *kernel_arguments):
    return Machine(ZERO, card, kernel_arguments, log=WORK / f"{card.stem}.log")


def trigger(machine):
    """The active trigger of the ACT LED, which sysfs puts in brackets."""
    return machine.read(r"sed 's/.*\[\(.*\)\].*/\1/' /sys/class/leds/ACT/trigger")


BOARDS = (wired_led_board, own_led_board, early_board, moved_board, cloned_card, joining_board, zero2w_board)
OF_A_ZERO = [board.__name__ for board in BOARDS if board is not zero2w_board]


if __name__ == "__main__":
    main()
