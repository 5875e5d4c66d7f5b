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
    # Where the root file system starts.
    ROOT_AT = 0

    def __init__(self, name, board=ZERO):
        self.name = name
        self.board = board
        self.tree = WORK / f"card-{name}"
        self._image = WORK / f"card-{name}.img"
        shutil.rmtree(self.tree, ignore_errors=True)
        self._fill()

    def install(self, program=WORK / "jarvis-node", repository=REPOSITORY, **files):
        """Runs a repository's install.sh on the card as a user does on another computer; `files` are its options."""
        options = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", path)]
        finished = subprocess.run(
            [repository / "systemd" / "install.sh", "--root", self.tree, *options, program],
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
        with open(self._image, "wb") as image:
            image.truncate(self.BYTES)
        subprocess.run(
            [
                "mkfs.ext4", "-q", "-F", "-d", self.tree,
                # The block size of a real card's file system, which mkfs would not choose for so small a one.
                "-b", "4096",
                # Without it the kernel writes tables while the test counts writes.
                "-E", f"lazy_itable_init=0,lazy_journal_init=0,offset={self.ROOT_AT}",
                self._image, f"{(self.BYTES - self.ROOT_AT) // 1024}k",
            ],
            check=True,
        )
        shutil.rmtree(self.tree)
        return self._image

    def _fill(self):
        copy(self.board.directory / "userland", self.tree)


class PartitionedCard(Card):
    """A card with a boot partition before the root file system, as Raspberry Pi OS has it: FAT, at /boot/firmware."""

    # For the initrd.
    KERNEL_ARGUMENT = "board.root=/dev/mmcblk0p2"
    BOOT_AT = 1024 * 1024
    ROOT_AT = 64 * 1024 * 1024

    def write(self):
        """Makes the image and returns its path."""
        (self.tree / "boot/firmware").mkdir(parents=True)
        self.put("/etc/fstab", "/dev/mmcblk0p2 / ext4 noatime 0 1\n/dev/mmcblk0p1 /boot/firmware vfat defaults 0 0\n")
        image = super().write()
        boot, root = self.BOOT_AT // 512, self.ROOT_AT // 512
        table = f"label: dos\nstart={boot}, size={root - boot}, type=c\nstart={root}, type=83\n"
        subprocess.run(["sfdisk", "--quiet", "--wipe=never", image], input=table, text=True, check=True)
        kibibytes = (self.ROOT_AT - self.BOOT_AT) // 1024
        subprocess.run(["mkfs.vfat", "-F", "32", "-s", "1", f"--offset={boot}", image, str(kibibytes)], check=True, stdout=subprocess.DEVNULL)
        return image

    @classmethod
    def boot_files(cls, image):
        """The names of the boot partition's files, as another computer sees them."""
        listed = subprocess.run(["mdir", "-b", *cls._boot_partition(image)], check=True, stdout=subprocess.PIPE, text=True)
        return [line.removeprefix("::/") for line in listed.stdout.splitlines()]

    @classmethod
    def put_boot_file(cls, image, name, content):
        """Writes a file of the boot partition, on another computer."""
        subprocess.run(["mcopy", *cls._boot_partition(image), "-", f"::{name}"], check=True, input=content, text=True)

    @classmethod
    def boot_partition_has(cls, image, text):
        """Whether the text is anywhere on the boot partition, in files and outside of them."""
        with open(image, "rb") as file:
            file.seek(cls.BOOT_AT)
            return text.encode() in file.read(cls.ROOT_AT - cls.BOOT_AT)

    @classmethod
    def _boot_partition(cls, image):
        return ["-i", f"{image}@@{cls.BOOT_AT}"]


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
