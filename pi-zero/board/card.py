"""The SD card a board boots from: a userland, with jarvis-node installed as a user installs it."""

import shutil
import subprocess

from .qemu.boards import REPOSITORY, WORK, ZERO

GUEST = REPOSITORY / "pi-zero" / "guest"


class Card:
    """A card being prepared: a directory until `write` makes an image of it. This one has the cached system with
    systemd."""

    # QEMU wants a power of two.
    BYTES = 512 * 1024 * 1024

    def __init__(self, name, board=ZERO):
        self.name = name
        self.board = board
        self.tree = WORK / f"card-{name}"
        self._image = WORK / f"card-{name}.img"
        shutil.rmtree(self.tree, ignore_errors=True)
        self._fill()

    def install(self, program=WORK / "jarvis-node", **files):
        """Runs install.sh on the card as a user does on another computer; `files` are its options."""
        options = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", path)]
        finished = subprocess.run(
            [REPOSITORY / "systemd" / "install.sh", "--root", self.tree, *options, program],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if finished.returncode != 0:
            raise RuntimeError(f"systemd/install.sh failed: {finished.stdout}")

    def put(self, path, content):
        """Writes a file that belongs to root."""
        target = self.tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")

    def write(self):
        """Makes the image and returns its path."""
        self._image.unlink(missing_ok=True)
        subprocess.run(
            [
                "mkfs.ext4", "-q", "-F", "-d", self.tree,
                # The block size of a real card's file system, which mkfs would not choose for so small a one.
                "-b", "4096",
                # Without it the kernel writes tables while the test counts writes.
                "-E", "lazy_itable_init=0,lazy_journal_init=0",
                self._image, f"{self.BYTES // 1024}k",
            ],
            check=True,
        )
        shutil.rmtree(self.tree)
        return self._image

    def _fill(self):
        copy(self.board.directory / "userland", self.tree)


class BareCard(Card):
    """A card with only busybox and guest/bare-init, which boots in seconds. Kernel, file system and the installation
    of jarvis-node are those of `Card`."""

    BYTES = 64 * 1024 * 1024
    APPLETS = (
        "awk base64 cat chown date dd dmesg find grep ip kill ls mkdir modprobe mount rm sed sh sleep sort stty sync tr"
    ).split()

    def _fill(self):
        tree = self.tree
        for folder in ("bin", "sbin", "dev", "proc", "sys", "run", "etc/systemd", "tmp", "root", "usr/local/lib/board"):
            (tree / folder).mkdir(parents=True)
        shutil.copy(self.board.directory / "userland/bin/busybox", tree / "bin/busybox")
        for applet in self.APPLETS:
            (tree / "bin" / applet).symlink_to("busybox")
        copy(self.board.directory / "userland/lib/modules", tree / "lib/modules")
        shutil.copy(GUEST / "bare-init", tree / "sbin/init")
        for script in ("network-up", "command-agent"):
            shutil.copy(GUEST / script, tree / "usr/local/lib/board" / script)


def copy(source, target):
    """Copies a folder. cp rather than shutil: it keeps owners, and shares blocks where the file system can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)
