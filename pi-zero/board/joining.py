"""A board from a blank card, as the installer leaves it without a configuration, which joins a home by one command."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

from .card import BOARD, REPOSITORY, WORK, Card
from .led import Lamp
from .machine import Machine
from .node import SERVICE, SETUP, VALID, Node
from .stub import HOST_SEEN_FROM_BOARD, Stub

# That of the example.
GPIO = 26
NODE = "attic-pi"
HOUSEHOLD = "11111111-2222-4333-8444-555555555555"


class Segment:
    """A network of the board and one machine beside it, in a namespace. QEMU's own network passes no multicast on."""

    def __init__(self):
        made = (
            "ip link set lo up && ip tuntap add tap0 mode tap"
            f" && ip address add {HOST_SEEN_FROM_BOARD}/24 dev tap0 && ip link set tap0 up && echo made && exec sleep 1d"
        )
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", made],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )
        if self._holder.stdout.readline() != b"made\n":
            raise RuntimeError("no network namespace with a port for the board could be made; is this root?")
        # The words before a command that is to run on that machine.
        self.inside = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "--"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()


def joining_board(report, _stub, _stranger):
    """jarvisd is found, and the Python home's address given; both speak plain HTTP, as they do in a home."""
    report.say("a blank card, and the home that the board joins by one command")
    card = Card("joining")
    card.install()
    card = card.write()
    example = (REPOSITORY / "systemd/config.example.json").read_text(encoding="utf-8")
    with Segment() as segment, tempfile.TemporaryDirectory(prefix="stub-") as directory:
        log = WORK / f"{card.stem}.log"
        machine = Machine(BOARD, card, [f"board.clock={int(time.time())}"], log=log, segment=segment)
        with machine, Lamp(machine.qmp, GPIO) as lamp:
            node = Node(machine, lamp, report)
            machine.wait_until_booted()
            node.shows("installed without a configuration", SETUP, seconds=240)
            for home in ("jarvisd", "python"):
                announces = ["--announce=zuhause"] if home == "jarvisd" else []
                stub = Stub(Path(directory) / home, home=home, segment=segment, options=["--plain", *announces])
                with stub.start():
                    joins(report, node, stub, [] if announces else ["--url", stub.config_service_url()])
                    node.shows(f"{home}: after one command", VALID)
                    checked = json.loads(machine.read("jarvis-node check --json"))
                    report.equal("as", (checked["outcome"], checked["node_id"]), ("valid", NODE))
                    asked = json.loads(machine.read("cat /etc/jarvis-node-agent/config.json"))
                    report.equal("it asks", asked["via"], {"command_center": stub.command_center_url()})
                machine.run(f"systemctl stop {SERVICE} && rm /var/lib/jarvis-node-agent/*")
                machine.write_file("/etc/jarvis-node-agent/config.json", example)
                node.start()


def joins(report, node, stub, address):
    token = stub.mint(HOUSEHOLD, NODE)
    node.machine.write_file("/run/token", token, mode="0600")
    command = " ".join(["jarvis-node enroll --allow-http --node-id", NODE, *address])
    said = node.machine.run(f"{command} </run/token 2>&1", check=False)
    report.check(f"{command}", said.status == 0 and "it is accepted" in said.output, said.output)
