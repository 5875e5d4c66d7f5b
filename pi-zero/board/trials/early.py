"""The LED is early, and the network late."""

import time

from ..card import WORK, Card
from ..installation import prepared
from ..led import FirstLight, Lamp
from ..machine import Machine
from ..node import NETWORK, SERVICE, VALID, Node
from ..qemu.boards import ZERO

GPIO = 26
REACHED = "systemctl show --property=ActiveEnterTimestampMonotonic --value {}"
# Once the network is there, a node that waits for it asks within two seconds, and the nodes of a home spread over four.
VERDICT_SECONDS = 60


def early_board(report, stub, _stranger):
    """The LED is lit while the board still boots, and the first verdict follows the network by itself."""
    report.say("a board that is watched from its first instruction, with a network that comes late")
    card = prepared(Card("early"), stub, led={"gpio": GPIO})
    network = card.tree / "etc/systemd/system/multi-user.target.wants/board-network.service"
    network.unlink()
    image = card.write()
    with Machine(ZERO, image, [f"board.clock={int(time.time())}"], log=WORK / f"{image.stem}.log") as machine:
        light = FirstLight(machine, GPIO)
        machine.wait_until_booted()
        lit = light.seconds(within=60)
        # In the kernel's time, as the light.
        basic = int(machine.read(REACHED.format("basic.target"))) / 1e6
        report.check("the LED is lit before basic.target is reached", lit is not None and lit < basic, f"{lit} s, {basic} s")
        report.equal("nothing was wrong with it", machine.read(f"journalctl -u {SERVICE} -o cat | grep -c 'GPIO'", check=False), "0")
        with Lamp(machine, GPIO) as lamp:
            node = Node(machine, lamp, report)
            node.shows("without a network", NETWORK)
            machine.run("/usr/local/lib/board/network-up")
            node.shows("the network is there, nobody touches the node", VALID, seconds=VERDICT_SECONDS)
        report.equal("the service was started once", node.property("NRestarts"), "0")
