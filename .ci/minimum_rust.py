#!/usr/bin/env python3
"""Exits 1 if a locked dependency declares a newer Rust than the `rust-version` of our packages.

That is the half of the promise that needs no old compiler. clippy's incompatible_msrv, which the step `lints` turns
into an error, covers what our code takes from the standard library. Neither sees a use of younger syntax: only a
build with the declared version does.
"""

import json
import subprocess
import sys


def metadata(manifest):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--manifest-path", manifest]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def parsed(version):
    return tuple(int(part) for part in (version.split(".") + ["0"])[:3])


def main():
    newer, counted = [], set()
    for manifest in ("Cargo.toml", "fuzz/Cargo.toml"):
        known = metadata(manifest)
        ours = [package for package in known["packages"] if package["id"] in known["workspace_members"]]
        for package in ours:
            if not package["rust_version"]:
                newer.append(f"{package['name']} declares no rust-version")
        declared = min(parsed(package["rust_version"]) for package in ours if package["rust_version"])
        for package in known["packages"]:
            counted.add(package["id"])
            if package["rust_version"] and parsed(package["rust_version"]) > declared:
                newer.append(f"{package['name']} {package['version']} needs Rust {package['rust_version']}")
    if newer:
        print(*newer, sep="\n")
        sys.exit("Take an older version of these, or raise rust-version in Cargo.toml and fuzz/Cargo.toml.")
    print(f"ok: none of {len(counted)} packages declares a newer Rust than {'.'.join(map(str, declared))}")


if __name__ == "__main__":
    main()
