#!/usr/bin/env python3
"""Says what is in a program: a CycloneDX bill of materials, and the licences of all that is in it.

    inventory.py PACKAGE TARGET BOM [LICENCES]

BOM is written by cargo-cyclonedx, which has to be on the PATH. It names the folders of the build; here they are cut out of
it, so that two builds make the same file. LICENCES has a line for each Rust package, and then the text of its licences.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOM_NAME = "bill-of-materials"
TEXTS = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "COPYRIGHT*", "license*")


def main():
    package, target, bom_file, *licences_file = sys.argv[1:]
    bom = bill_of_materials(package, target)
    Path(bom_file).write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if licences_file:
        Path(licences_file[0]).write_text(licences(bom), encoding="utf-8")


def bill_of_materials(package, target):
    """What cargo-cyclonedx says, which it writes beside the manifest of each package of the workspace."""
    packages = metadata()["packages"]
    manifests = {member["name"]: Path(member["manifest_path"]) for member in packages if member["source"] is None}
    written = [manifest.with_name(f"{BOM_NAME}.json") for manifest in manifests.values()]
    try:
        subprocess.run(
            ["cargo", "cyclonedx", "--quiet", "--manifest-path", ROOT / "Cargo.toml", "--target", target, "--format", "json",
             "--spec-version", "1.5", "--override-filename", BOM_NAME],
            check=True, cwd=ROOT,
        )
        text = manifests[package].with_name(f"{BOM_NAME}.json").read_text(encoding="utf-8")
    finally:
        for file in written:
            file.unlink(missing_ok=True)
    return json.loads(text.replace(f"path+file://{ROOT}", "path+file:///source"))


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    return json.loads(subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout)


def licences(bom):
    folders = {(p["name"], p["version"]): Path(p["manifest_path"]).parent for p in metadata()["packages"]}
    lines, texts = [], {}
    for part in sorted(bom["components"], key=lambda part: (part["name"], part["version"])):
        name = f"{part['name']} {part['version']}"
        lines.append(f"{name}: {expression(part)}")
        for text in sorted(texts_in(folders[part["name"], part["version"]])):
            texts.setdefault(text, []).append(name)
    parts = ["The Rust packages of which this program is built, beside Rust's own library and musl:\n", *lines]
    for text, names in texts.items():
        parts += ["", "-" * 78, ", ".join(names), "", text]
    return "\n".join(parts) + "\n"


def expression(part):
    return " and ".join(licence.get("expression") or licence["license"].get("id") or licence["license"]["name"]
                        for licence in part.get("licenses", [])) or "not declared"


def texts_in(folder):
    files = {file for pattern in TEXTS for file in folder.glob(pattern) if file.is_file()}
    return {file.read_text(encoding="utf-8", errors="replace").strip() for file in files}


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
