"""A minimal Debian in a folder, with the package in it, for the tests beside this.

../test.sh says in the environment which package (PACKAGE), which later version of it (NEXT), which tar file of a Debian
(SYSTEM) and which server-stub (STUB) are meant.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE, NEXT, ARCHIVE = (Path(os.environ[name]) for name in ("PACKAGE", "NEXT", "SYSTEM"))
AGENT = "jarvis-node-agent"
CONFIG = f"/etc/{AGENT}/config.json"
CREDENTIAL = f"/var/lib/{AGENT}/credential.json"
WANTS = "/etc/systemd/system/multi-user.target.wants"
UNITS = "/usr/lib/systemd/system"
NODE = json.dumps({"node_id": "kitchen", "node_key": "k" * 32})
SETTINGS = {"auth_url": "https://home.test:7701", "app_id": "a", "led": {"gpio": 26}}
OLD_UNIT = "/etc/systemd/system/jarvis-node.service"
OLD_UNIT_TEXT = "[Service]\nExecStart=/usr/local/bin/jarvis-node run\nUser=jarvis-node\n[Install]\nWantedBy=multi-user.target\n"
# What dpkg and its helpers keep or may change, whatever is installed.
BOOKKEEPING = ("/proc", "/tmp", "/var/lib/dpkg", "/var/log", "/var/cache", "/etc/passwd", "/etc/group", "/etc/shadow",
               "/etc/gshadow", "/var/lib/systemd", "/root")


class System:
    """A Debian in a folder."""

    def __init__(self, folder):
        self.tree = Path(folder) / "system"
        self.tree.mkdir()
        subprocess.run(["tar", "--extract", "--file", ARCHIVE, "--directory", self.tree], check=True)
        for name, file in (("first.deb", PACKAGE), ("next.deb", NEXT)):
            shutil.copy(file, self.tree / "root" / name)

    def path(self, path):
        return self.tree / path.lstrip("/")

    def put(self, path, text, mode=0o644):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text, encoding="utf-8")
        self.path(path).chmod(mode)

    def read(self, path):
        return self.path(path).read_text(encoding="utf-8")

    def is_there(self, path):
        return self.path(path).exists() or self.path(path).is_symlink()

    def run(self, command, proc=True):
        """The exit status and all output of a shell's command in the system."""
        mount = f"mount -t proc proc {self.tree}/proc && " if proc else ""
        inner = f'{mount}exec chroot {self.tree} /bin/sh -c "$1"'
        finished = subprocess.run(
            ["unshare", "--mount", "sh", "-c", inner, "sh", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}, check=False,
        )
        return finished.returncode, finished.stdout

    def must(self, command):
        status, said = self.run(command)
        assert status == 0, f"{command} exited {status}: {said}"
        return said.strip()

    def install_by_script(self):
        """The layout of systemd/install.sh, with a configuration and a credential."""
        shutil.copytree(ROOT / "systemd", self.tree / "root/systemd")
        self.must("dpkg-deb -x /root/first.deb /root/unpacked && /root/systemd/install.sh /root/unpacked/usr/bin/jarvis-node")
        self.provision()

    def provision(self):
        self.put(CONFIG, json.dumps({**SETTINGS, "app_key_file": f"/etc/{AGENT}/app.key", "credential_file": CREDENTIAL}))
        self.put(f"/etc/{AGENT}/app.key", "secret", 0o600)
        self.put(CREDENTIAL, NODE, 0o600)
        self.must(f"chown {AGENT}: /etc/{AGENT}/app.key {CREDENTIAL}")

    def install_version_0_1_0(self):
        shutil.copytree(ROOT / "systemd", self.tree / "root/systemd")
        self.must("dpkg-deb -x /root/first.deb /root/unpacked && cp /root/unpacked/usr/bin/jarvis-node /usr/local/bin/")
        self.put("/etc/sysusers.d/jarvis-node.conf", 'g gpio -\nu jarvis-node - "" /var/lib/jarvis-node\n')
        self.put("/etc/tmpfiles.d/jarvis-node.conf", "z /etc/jarvis-node/app.key 0600 jarvis-node jarvis-node\n")
        self.put("/etc/udev/rules.d/60-jarvis-node.rules", "")
        self.put(OLD_UNIT, OLD_UNIT_TEXT)
        self.path(f"{WANTS}/jarvis-node.service").symlink_to(OLD_UNIT)
        self.must("systemd-sysusers jarvis-node.conf")
        self.put("/etc/jarvis-node/config.json", json.dumps({
            **SETTINGS, "app_key_file": "/etc/jarvis-node/app.key", "credential_file": "/var/lib/jarvis-node/credential.json"}))
        self.put("/etc/jarvis-node/app.key", "secret", 0o600)
        self.put("/var/lib/jarvis-node/credential.json", NODE, 0o600)
        self.must("chown -R jarvis-node: /var/lib/jarvis-node /etc/jarvis-node/app.key")

    def files(self):
        """Every path but dpkg's own."""
        found = set()
        for path in self.tree.rglob("*"):
            name = "/" + str(path.relative_to(self.tree))
            if not name.startswith(BOOKKEEPING) or AGENT in name:
                found.add(name)
        return found

    def enabled(self, unit=f"{AGENT}.service"):
        return self.run(f"systemctl is-enabled {unit}")[1].strip()
