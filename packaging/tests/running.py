"""A Debian that runs: systemd as process 1 in namespaces of its own, without a network but loopback."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from debian import System

# The parts of this machine that systemd needs. A tree of version 2 of control groups, in which the system's own group is
# the root, is there on every kernel, whatever this machine's systemd mounts.
BOOT = """
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
ln -s /proc/self/fd dev/fd
mkdir -p dev/shm dev/pts mnt
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up
pivot_root . mnt
umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal --show-status=no
"""
NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")


class RunningSystem(System):
    """A System that has booted; close() ends it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.groups = Path(tempfile.mkdtemp(dir=folder))
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", self.groups], check=True)
        self.group = self.groups / f"jarvis-node-test-{os.getpid()}"
        self.group.mkdir()
        # The shell joins the group before it makes the namespace whose root that becomes.
        join = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'
        # Whichever of them ends, the system ends with it, even if this test is killed.
        self.outside = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "sh", "-c", join, "sh", self.group,
             "unshare", *NAMESPACES, "--fork", "--kill-child", "sh", "-ec", BOOT, "sh", self.tree],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )
        try:
            self.wait_for("systemctl is-system-running", "running")
        except BaseException:
            self.close()
            raise

    def inside(self):
        """The process id, seen from outside, of systemd."""
        children = Path(f"/proc/{self.outside.pid}/task/{self.outside.pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else None

    def run(self, command, proc=True):
        pid = self.inside()
        if pid is None:
            return None, "the system does not run"
        finished = subprocess.run(
            ["nsenter", "--target", str(pid), *NAMESPACES, "--", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
             "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )
        return finished.returncode, finished.stdout

    def wait_for(self, command, wanted, seconds=120):
        """Until the command prints what is wanted."""
        end = time.monotonic() + seconds
        while (said := self.run(command)[1].strip()) != wanted:
            assert time.monotonic() < end, f"{command} says {said!r}, and not {wanted!r}, for {seconds} s"
            time.sleep(0.2)

    def start_outside(self, *command, **options):
        """A program of this machine in the system's network."""
        return subprocess.Popen(["nsenter", "--target", str(self.inside()), "--net", "--", *command], **options)

    def close(self):
        self.outside.kill()
        self.outside.wait()
        end = time.monotonic() + 30
        while "populated 1" in (self.group / "cgroup.events").read_text(encoding="ascii") and time.monotonic() < end:
            time.sleep(0.1)
        for folder in sorted(self.group.rglob("*/"), reverse=True):
            folder.rmdir()
        self.group.rmdir()
        subprocess.run(["umount", self.groups], check=True)
