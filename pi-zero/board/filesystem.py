"""The file system of a card whose board lost its power, as the host finds it."""

import collections
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# journal_had_work: the journal held what was not yet in its place. complaints: e2fsck's, once that is done; or "".
Found = collections.namedtuple("Found", "journal_had_work complaints")


def after_a_cut(card):
    """Looks at a copy, so that the board finds its card as the cut left it."""
    with tempfile.TemporaryDirectory(prefix="card-", dir=card.parent) as directory:
        copy = Path(shutil.copy(card, directory))
        superblock = run("dumpe2fs", "-h", copy)
        start = re.search(r"^Journal start:\s+(\d+)", superblock.stdout, re.MULTILINE)
        if "needs_recovery" not in superblock.stdout or start is None:
            return Found(False, f"it was not mounted when the power failed: {superblock.stdout[-1500:]}")
        replayed = run("e2fsck", "-p", copy)
        # 1: what it mended is only what every mount does, such as the journal.
        if replayed.returncode not in (0, 1):
            return Found(start[1] != "0", f"e2fsck -p: {replayed.stdout}")
        checked = run("e2fsck", "-fn", copy)
        return Found(start[1] != "0", "" if checked.returncode == 0 else f"e2fsck -fn: {checked.stdout}")


def mend(card):
    """What a Raspberry Pi does to a card at boot (fsck.repair=yes); what stood in its way, or ""."""
    mended = run("e2fsck", "-p", card)
    # 1: mended.
    return "" if mended.returncode in (0, 1) else f"e2fsck -p: {mended.stdout}"


def run(*command):
    """What a program prints, in English, and how it ends."""
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
