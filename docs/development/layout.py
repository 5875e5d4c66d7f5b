#!/usr/bin/env python3
"""Checks the sizes that keep this project readable, and exits 1 if one is exceeded:

    docs/development/layout.py

It reads the files that git tracks and those that are new and not ignored.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

LONGEST_FILE = 400  # lines
FULLEST_FOLDER = 16  # files and folders directly inside
LONGEST_TEST_NAME = 60  # characters
LONGEST_README = 1500  # words

# Only what a person reads and edits is counted in lines. The rest is recorded or made by a program.
READ_BY_PEOPLE = {"", ".css", ".dict", ".html", ".js", ".json", ".md", ".py", ".rs", ".service", ".sh", ".toml"}
MADE_BY_PROGRAMS = {"Cargo.lock", "package-lock.json"}
RECORDED_FOLDERS = {"fixtures", "seeds", "transcripts"}

RUST_TEST = re.compile(r"#\[(?:\w+::)*test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+(\w+)")
PYTHON_TEST = re.compile(r"^\s*def\s+(test_\w+)", re.MULTILINE)


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    paths = {PurePosixPath(name) for name in listed.split("\0") if name}
    return sorted(path for path in paths if (ROOT / path).is_file())


def long_files(files):
    for path in files:
        recorded = path.name in MADE_BY_PROGRAMS or RECORDED_FOLDERS & set(path.parts)
        if recorded or path.suffix not in READ_BY_PEOPLE:
            continue
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            yield f"{path} has {lines} lines; at most {LONGEST_FILE} are allowed"


def full_folders(files):
    entries = defaultdict(set)
    for path in files:
        for folder, child in zip(path.parents, [path, *path.parents]):
            entries[folder].add(child.name)
    # Tools decide what lies in the root. Findings are a list.
    for unbounded in (".", "findings"):
        entries.pop(PurePosixPath(unbounded), None)
    for folder, names in sorted(entries.items()):
        if len(names) > FULLEST_FOLDER:
            yield f"{folder}/ has {len(names)} entries; at most {FULLEST_FOLDER} are allowed"


def long_test_names(files):
    for path in files:
        pattern = {".rs": RUST_TEST, ".py": PYTHON_TEST}.get(path.suffix)
        if not pattern:
            continue
        for name in pattern.findall((ROOT / path).read_text(encoding="utf-8")):
            if len(name) > LONGEST_TEST_NAME:
                yield f"{path}: {name} has {len(name)} characters; at most {LONGEST_TEST_NAME} are allowed"


def long_readme():
    words = len((ROOT / "README.md").read_text(encoding="utf-8").split())
    if words > LONGEST_README:
        yield f"README.md has {words} words; at most {LONGEST_README} are allowed"


def main():
    files = tracked_files()
    faults = [*long_files(files), *full_folders(files), *long_test_names(files), *long_readme()]
    print(*faults, sep="\n", end="\n" if faults else "")
    if faults:
        sys.exit(f"{len(faults)} sizes are exceeded.")
    print(f"ok: {len(files)} files keep to the sizes allowed")


if __name__ == "__main__":
    main()
