"""The SD card a board boots from: the cached userland, with jarvis-node installed as a user installs it."""

import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = REPOSITORY / "target" / "pi-zero"
BOARD = WORK / "board"
# QEMU wants a power of two.
CARD_BYTES = 512 * 1024 * 1024


class Card:
    """A card being prepared: a directory until `write` makes an image of it."""

    def __init__(self, name):
        self._tree = WORK / f"card-{name}"
        self._image = WORK / f"card-{name}.img"
        shutil.rmtree(self._tree, ignore_errors=True)
        # cp rather than shutil: it keeps owners, and shares blocks where the file system can.
        subprocess.run(["cp", "-a", "--reflink=auto", BOARD / "userland", self._tree], check=True)

    def install(self, program=WORK / "jarvis-node", **files):
        """Runs install.sh as a user does who has the card in another computer; `files` are its options."""
        options = [word for name, path in files.items() for word in (f"--{name.replace('_', '-')}", path)]
        finished = subprocess.run(
            [REPOSITORY / "systemd" / "install.sh", "--root", self._tree, *options, program],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if finished.returncode != 0:
            raise RuntimeError(f"systemd/install.sh failed: {finished.stdout}")

    def put(self, path, content):
        """Writes a file of root's."""
        target = self._tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")

    def write(self):
        """Makes the image and returns its path."""
        self._image.unlink(missing_ok=True)
        subprocess.run(
            [
                "mkfs.ext4", "-q", "-F", "-d", self._tree,
                # Or the kernel would still be writing its tables while we count what is written.
                "-E", "lazy_itable_init=0,lazy_journal_init=0",
                self._image, f"{CARD_BYTES // 1024}k",
            ],
            check=True,
        )
        shutil.rmtree(self._tree)
        return self._image
