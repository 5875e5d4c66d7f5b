"""The file system of a card after a power cut, examined on the host."""

import collections
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# journal_had_work: the journal held writes not yet in their place. complaints: of e2fsck after the replay, or "".
Found = collections.namedtuple("Found", "journal_had_work complaints")


def after_a_cut(card):
    """Examines a copy, so that the board gets its card as the cut left it."""
    with tempfile.TemporaryDirectory(prefix="card-", dir=card.parent) as directory:
        copy = Path(shutil.copy(card, directory))
        superblock = run("dumpe2fs", "-h", copy)
        start = re.search(r"^Journal start:\s+(\d+)", superblock.stdout, re.MULTILINE)
        if "needs_recovery" not in superblock.stdout or start is None:
            return Found(False, f"it was not mounted when the power failed: {superblock.stdout[-1500:]}")
        replayed = run("e2fsck", "-p", copy)
        # 1: e2fsck did only what every mount does, such as replaying the journal.
        if replayed.returncode not in (0, 1):
            return Found(start[1] != "0", f"e2fsck -p: {replayed.stdout}")
        checked = run("e2fsck", "-fn", copy)
        return Found(start[1] != "0", "" if checked.returncode == 0 else f"e2fsck -fn: {checked.stdout}")


def repair(card):
    """Repairs the card as a Raspberry Pi does at boot (fsck.repair=yes). Returns what failed, or ""."""
    repaired = run("e2fsck", "-p", card)
    # 1: errors were corrected.
    return "" if repaired.returncode in (0, 1) else f"e2fsck -p: {repaired.stdout}"


def run(*command):
    """The output of a program, in English, and its exit status."""
    environment = {"LC_ALL": "C", "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
