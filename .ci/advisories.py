#!/usr/bin/env python3
"""Writes the advisories that cargo-deny reads, from the facts in advisories.json, into the folder given:

    .ci/advisories.py FOLDER

The JSON file lists, by their public RUSTSEC numbers, the advisories about packages in our lock files, as known on
2026-08-21. Whoever adds a package adds its advisories; `.ci/run dependencies` cannot fetch newer ones.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

FACTS = Path(__file__).with_name("advisories.json")


def written(fact):
    """One advisory in the form of the advisory database: a block of TOML, then a heading and a text."""
    fields = [f"{key} = {json.dumps(fact[key])}" for key in ("id", "package", "date", "informational") if key in fact]
    versions = [f"{key} = {json.dumps(fact[key])}" for key in ("patched", "unaffected") if key in fact]
    block = "\n".join(["[advisory]", *fields, "[versions]", *versions])
    return f"```toml\n{block}\n```\n\n# {fact['package']}: {fact['id']}\n\nSee the advisory of this number.\n"


def main():
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for fact in json.loads(FACTS.read_text(encoding="utf-8")):
        file = folder / "crates" / fact["package"] / f"{fact['id']}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written(fact), encoding="utf-8")
    # cargo-deny takes only a git repository with a commit for a database.
    git = ["git", "-C", folder, "-c", "user.name=ci", "-c", "user.email=ci@localhost"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "known advisories"]):
        subprocess.run([*git, *arguments], check=True)


if __name__ == "__main__":
    main()
