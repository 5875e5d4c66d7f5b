"""A board from a blank card: what the README says, line by line. The package, one command that joins a home, the light."""

import contextlib
import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path

from ..card import WORK, Card, PartitionedCard
from ..led import Lamp
from ..machine import Machine
from ..node import SERVICE, VALID, Node
from ..qemu.boards import ZERO, ZERO2W
from ..stub import HOST_SEEN_FROM_BOARD, Stub
from .packages import file_list, install, package, purge
from .watchdog import main_loop_blocked

NODE = "attic-pi"
MOST_BOOTS = 3
UNTIL_NETWORK = "until ip route | grep -q default; do sleep 0.2; done"
HOUSEHOLD = "11111111-2222-4333-8444-555555555555"


class Segment:
    """A network of the board and one machine beside it, in a namespace. QEMU's own network passes no multicast on."""

    def __init__(self):
        # A stub's port is held outside (`HeldPort`), and is one of those that Linux gives out: by default from 32768 on. In here
        # others are given out.
        made = (
            "echo 16384 32767 >/proc/sys/net/ipv4/ip_local_port_range && ip link set lo up && ip tuntap add tap0 mode tap"
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


@dataclasses.dataclass
class Place:
    """A card, and the network of the board that it is put into, seen at the board's own LED."""

    report: object
    board: object
    card: Path
    kernel_arguments: tuple
    segment: Segment
    directory: Path

    @contextlib.contextmanager
    def booted(self):
        """The board, seen at its pin."""
        machine = Machine(
            self.board, self.card, [f"board.clock={int(time.time())}", *self.kernel_arguments],
            log=WORK / f"{self.card.stem}.log", segment=self.segment,
        )
        with machine, Lamp(machine, self.board.own_led) as lamp:
            machine.wait_until_booted(seconds=400)
            yield Node(machine, lamp, self.report)

    @contextlib.contextmanager
    def booted_with_network(self):
        """The board, booted again if it has no network: at some boots QEMU's USB controller tells the kernel of a Zero 2 W
        that nothing is connected, until that gives up."""
        for _ in range(MOST_BOOTS):
            with self.booted() as node:
                if node.machine.run(f"timeout 90 sh -c '{UNTIL_NETWORK}'", seconds=300, check=False).status == 0:
                    yield node
                    return
                self.report.say("the board has no network: it is booted again")
        raise RuntimeError(f"the board has no network after {MOST_BOOTS} boots")

    def home(self, kind, *options):
        """A home beside the board that speaks plain HTTP, as a home does."""
        return Stub(self.directory / kind, home=kind, segment=self.segment, options=["--plain", *options])


@contextlib.contextmanager
def blank_card(report, card, kernel_arguments=()):
    """A card with nothing of ours but the package, as a user downloads it."""
    board = card.board
    (card.tree / "root").mkdir(exist_ok=True)
    subprocess.run(["cp", package(board), card.tree / "root"], check=True)
    with Segment() as segment, tempfile.TemporaryDirectory(prefix="stub-") as directory:
        yield Place(report, board, card.write(), kernel_arguments, segment, Path(directory))


def joining_board(report, _stub, _stranger):
    """jarvisd is found, and the Python home's address given, once on the board and once on its boot partition."""
    report.say("a blank card: the package, and the home that the board joins by one command")
    with blank_card(report, PartitionedCard("joining"), [PartitionedCard.KERNEL_ARGUMENT]) as place:
        with place.booted() as node:
            machine = node.machine
            before = file_list(machine)
            install(node, package(ZERO))
            for kind in ("jarvisd", "python"):
                announces = ["--announce=zuhause"] if kind == "jarvisd" else []
                with place.home(kind, *announces).start() as stub:
                    joins(report, node, stub, [] if announces else ["--url", stub.config_service_url()])
                    node.shows(f"{kind}: after one command", VALID)
                    is_the_homes(report, machine, stub, NODE)
                machine.run(f"systemctl stop {SERVICE} && rm /var/lib/jarvis-node-agent/* /etc/jarvis-node-agent/config.json")
                node.start()
            machine.run("sync")
        joins_by_file(report, place, before)


def joins_by_file(report, place, before):
    """A board as it comes from an image: the package, and a file on the boot partition of its card."""
    with place.home("python").start() as stub:
        token, node_id = stub.mint(HOUSEHOLD, "porch-pi"), "porch-pi"
        wishes = {"home": stub.config_service_url(), "allow_http": True, "token": token, "node_id": node_id}
        PartitionedCard.put_boot_file(place.card, "jarvis-node.json", json.dumps(wishes))
        with place.booted() as node:
            node.shows("at the first boot, nobody touches the node", VALID, seconds=240)
            is_the_homes(report, node.machine, stub, node_id)
            unit = node.machine.read("systemctl show --property=Result,ActiveState --value jarvis-node-agent-first-boot").split()
            report.equal("the unit for it ended in good order", unit, ["success", "inactive"])
            purge(node, before)
            node.machine.run("sync")
    report.equal("the file on the boot partition was for once", PartitionedCard.boot_files(place.card), [])
    report.check("and its token is nowhere there", not PartitionedCard.boot_partition_has(place.card, token))


def is_the_homes(report, machine, stub, node_id):
    checked = json.loads(machine.read("jarvis-node check --json"))
    report.equal("as", (checked["outcome"], checked["node_id"]), ("valid", node_id))
    asked = json.loads(machine.read("cat /etc/jarvis-node-agent/config.json"))
    report.equal("it asks", asked["via"], {"command_center": stub.command_center_url()})


def zero2w_board(report, _stub, _stranger):
    """The 64-bit package."""
    report.say("a Pi Zero 2 W: the package, a home, the watchdog, and the purge")
    with blank_card(report, Card("zero2w", ZERO2W)) as place, place.home("python").start() as stub:
        with place.booted_with_network() as node:
            before = file_list(node.machine)
            install(node, package(ZERO2W))
            joins(report, node, stub, ["--url", stub.config_service_url()])
            node.shows("after one command", VALID)
            main_loop_blocked(report, node)
            purge(node, before)


def joins(report, node, stub, address):
    token = stub.mint(HOUSEHOLD, NODE)
    node.machine.write_file("/run/token", token, mode="0600")
    node.machine.run(UNTIL_NETWORK, seconds=240)
    command = " ".join(["jarvis-node enroll --allow-http --node-id", NODE, *address])
    said = node.machine.run(f"{command} </run/token 2>&1; status=$?; rm /run/token; exit $status", check=False)
    report.check(f"{command}", said.status == 0 and "it is accepted" in said.output, said.output)
