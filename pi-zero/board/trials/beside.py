"""A board with an installation of version 0.1.0, which is moved over, and then with the voice node of a Jarvis home, or a
stand-in of it, beside ours."""

import json
import shutil
import subprocess
import time

from ..card import REPOSITORY, WORK, Card
from ..led import Lamp
from ..machine import Machine
from ..node import SERVICE, VALID, Node
from ..qemu.boards import ZERO

GPIO = 26
OLD_UNIT = "/etc/systemd/system/jarvis-node.service"
# As short as that version's unit can be. The program is today's, so the unit names the configuration of that time.
OLD_UNIT_TEXT = """[Service]
Type=notify
ExecStartPre=-+/bin/udevadm settle --timeout=30
ExecStart=/usr/local/bin/jarvis-node run
Environment=JARVIS_NODE_CONFIG=/etc/jarvis-node/config.json
User=jarvis-node
SupplementaryGroups=gpio
RuntimeDirectory=jarvis-node
[Install]
WantedBy=multi-user.target
"""
# Blinks the board's own LED by a trigger, as user pi.
VOICE_NODE_TEXT = """[Service]
User=pi
ExecStartPre=+/sbin/modprobe ledtrig-timer
ExecStartPre=+/bin/chown pi /sys/class/leds/ACT/trigger /sys/class/leds/ACT/brightness
ExecStart=/opt/jarvis-node/voice
[Install]
WantedBy=multi-user.target
"""
VOICE_CONFIG = "/opt/jarvis-node/config.json"
THEIRS = f"{OLD_UNIT} {VOICE_CONFIG} /opt/jarvis-node/voice /sys/class/leds/ACT/trigger /sys/class/leds/ACT/brightness"
# The installer starts some hundred programs, each of which takes the emulator a while.
INSTALL_SECONDS = 600
INSTALL = "/root/systemd/install.sh /root/jarvis-node 2>&1"


def moved_board(report, stub, _stranger):
    """The same command as an upgrade moves version 0.1.0 over; the voice node stands beside it."""
    report.say("a board with version 0.1.0, which is moved over, and then with the voice node")
    card = old_card(stub)
    machine = Machine(ZERO, card, [f"board.clock={int(time.time())}"], log=WORK / f"{card.stem}.log")
    with machine, Lamp(machine, GPIO) as lamp:
        node = Node(machine, lamp, report)
        machine.wait_until_booted()
        node.shows("version 0.1.0 runs", VALID, seconds=240)
        checked = machine.run("/root/systemd/check.sh 2>&1", seconds=INSTALL_SECONDS, check=False)
        report.check("the board's systemd knows all that is in the unit", checked.status == 0, checked.output)
        moved(report, node)
        beside_voice_node(report, node)
        identity_shared(report, node)
        removed(report, node)


def moved(report, node):
    machine = node.machine
    sums = "sha256sum $(ls {0}/credential.json* {1}/app.key {1}/ca.pem) | cut -d' ' -f1"
    before = machine.read(sums.format("/var/lib/jarvis-node", "/etc/jarvis-node"))
    said = machine.read(INSTALL, seconds=INSTALL_SECONDS)
    report.check("install.sh says that it has moved version 0.1.0 over", "was moved over" in said, said)
    node.shows("moved over", VALID)
    report.equal("it runs as", machine.read(f"stat -c %U /proc/{node.pid()}"), "jarvis-node-agent")
    after = machine.read(sums.format("/var/lib/jarvis-node-agent", "/etc/jarvis-node-agent"))
    report.equal("with every credential, key and certificate", after, before)
    report.equal("the old unit is gone", machine.read("systemctl show -p LoadState --value jarvis-node"), "not-found")
    left = machine.read("find / -xdev -name '*jarvis-node*' ! -path '/root/*' | grep -v agent || true", seconds=INSTALL_SECONDS)
    report.equal("and nothing of it but the program is left", left, "/usr/local/bin/jarvis-node")


def beside_voice_node(report, node):
    machine = node.machine
    machine.run("useradd -M pi && mkdir -p /opt/jarvis-node")
    machine.write_file("/opt/jarvis-node/voice", "#!/bin/sh\necho timer >/sys/class/leds/ACT/trigger\nexec sleep 1d\n", mode="0755")
    identity = json.loads(machine.read("cat /var/lib/jarvis-node-agent/credential.json"))
    config = {"node_id": identity["node_id"], "api_key": identity["node_key"], "room": "kitchen"}
    machine.write_file(VOICE_CONFIG, json.dumps(config), owner="pi:pi", mode="0600")
    machine.write_file(OLD_UNIT, VOICE_NODE_TEXT)
    machine.run("systemctl daemon-reload && systemctl enable --now jarvis-node")
    report.check("the voice node blinks the board's LED", "[timer]" in machine.read("cat /sys/class/leds/ACT/trigger"))
    node.their_files = machine.read(f"stat -c '%n %U:%G %a' {THEIRS}; sha256sum {OLD_UNIT} {VOICE_CONFIG}")
    udevadm = machine.read("readlink -f $(command -v udevadm)")
    machine.run(f"mount --bind /bin/false {udevadm}")
    said = machine.run(INSTALL, seconds=INSTALL_SECONDS, check=False)
    machine.run(f"umount {udevadm}")
    report.check("an upgrade without udev ends well", said.status == 0 and "no udev" in said.output, said.output)
    report.check("and says that the voice node is there", "The voice node is on this board" in said.output, said.output)
    node.shows("ours beside it", VALID)
    voice_node_untouched(report, node)


def voice_node_untouched(report, node):
    machine = node.machine
    report.equal("the voice node runs on", machine.read("systemctl is-active jarvis-node", check=False), "active")
    report.check("with its LED", "[timer]" in machine.read("cat /sys/class/leds/ACT/trigger"))
    now = machine.read(f"stat -c '%n %U:%G %a' {THEIRS}; sha256sum {OLD_UNIT} {VOICE_CONFIG}")
    report.equal("and its files are as they were", now, node.their_files)


def identity_shared(report, node):
    """systemd reads the voice node's configuration for ours."""
    machine = node.machine
    config = json.loads(machine.read("cat /etc/jarvis-node-agent/config.json"))
    machine.write_file("/etc/jarvis-node-agent/config.json", json.dumps({**config, "credential_file": "node.json"}))
    machine.run(f"mkdir -p /etc/systemd/system/{SERVICE}.d")
    machine.write_file(f"/etc/systemd/system/{SERVICE}.d/identity.conf", f"[Service]\nLoadCredential=node.json:{VOICE_CONFIG}\n")
    machine.run(f"systemctl daemon-reload && systemctl restart {SERVICE}")
    node.shows("with the voice node's identity", VALID)
    voice_node_untouched(report, node)


def removed(report, node):
    machine = node.machine
    said = machine.run("/root/systemd/uninstall.sh 2>&1", seconds=INSTALL_SECONDS, check=False)
    report.equal("uninstall.sh ends well", said.status, 0)
    report.equal("the unit is gone", node.property("ActiveState"), "inactive")
    report.check("the credential is kept", machine.run("test -s /var/lib/jarvis-node-agent/credential.json", check=False).status == 0)
    machine.run("/root/systemd/uninstall.sh --purge 2>&1", seconds=INSTALL_SECONDS)
    left = machine.read("find / -xdev -name '*jarvis-node-agent*' ! -path '/root/*'; grep -c agent /etc/passwd", check=False, seconds=INSTALL_SECONDS)
    report.equal("--purge leaves what is not ours", left.splitlines(), [f"/etc/systemd/system/{SERVICE}.d", "0"])
    voice_node_untouched(report, node)


def old_card(stub, name="moved", packages=()):
    """A card with what the installer of version 0.1.0 left, and today's installer and packages at hand."""
    card = Card(name)
    card.put("/etc/sysusers.d/jarvis-node.conf", 'g gpio -\nu jarvis-node - "" /var/lib/jarvis-node\nm jarvis-node gpio\n')
    card.put("/etc/tmpfiles.d/jarvis-node.conf", "z /etc/jarvis-node/app.key 0600 jarvis-node jarvis-node\n")
    card.put("/etc/udev/rules.d/60-jarvis-node.rules", 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"\n')
    card.put(OLD_UNIT, OLD_UNIT_TEXT)
    folder, state = "/etc/jarvis-node", "/var/lib/jarvis-node"
    card.put(f"{folder}/config.json", json.dumps({
        **stub.config(), "auth_url": stub.url(), "led": {"gpio": GPIO}, "app_key_file": f"{folder}/app.key",
        "ca_file": f"{folder}/ca.pem", "credential_file": f"{state}/credential.json", "state_file": f"{state}/state.json",
        "status_file": "/run/jarvis-node/status.json",
    }))
    card.put(f"{folder}/ca.pem", stub.read("ca.pem"))
    card.put(f"{folder}/app.key", stub.read("app.key"))
    card.put(f"{state}/credential.json", stub.read("credential.json"))
    card.put(f"{state}/credential.json.prev", stub.read("credential.json"))
    tree = card.tree
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    (wants / "jarvis-node.service").symlink_to(OLD_UNIT)
    shutil.copytree(REPOSITORY / "systemd", tree / "root/systemd")
    for place in ("usr/local/bin", "root"):
        (tree / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(WORK / "jarvis-node", tree / place / "jarvis-node")
    for deb in packages:
        shutil.copy(deb, tree / "root")
    subprocess.run(["systemd-sysusers", f"--root={tree}", "jarvis-node.conf"], check=True, capture_output=True)
    users = dict(line.split(":")[::2][:2] for line in (tree / "etc/passwd").read_text(encoding="utf-8").splitlines())
    owner = users["jarvis-node"]
    secrets = [f"{state}/credential.json", f"{state}/credential.json.prev", f"{folder}/app.key"]
    subprocess.run(["chown", f"{owner}:{owner}", *(f"{tree}{path}" for path in [state, *secrets])], check=True)
    subprocess.run(["chmod", "600", *(f"{tree}{path}" for path in secrets)], check=True)
    return card.write()
