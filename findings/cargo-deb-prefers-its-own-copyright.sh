#!/usr/bin/env bash
# cargo-deb 3.8.0: a copyright file that an asset with a pattern brings (`stage/doc/**/*`) is left out in favour of the
# one that cargo-deb makes from the manifest, which lacks whatever the other one says. With --quiet not even its warning
# ("first one wins") is seen. A file that is named in an asset of its own does win. Name the copyright file so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo install --quiet --locked --debug --root "$work" cargo-deb --version 3.8.0
mkdir -p "$work/package/src" "$work/package/stage/doc"
cd "$work/package"
echo 'Copyright: as written by hand' >stage/doc/copyright
echo 'fn main() {}' >src/main.rs
# copyright_with ASSETS: the copyright of the package with these assets.
copyright_with() {
    cat >Cargo.toml <<END
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
license = "MIT"
description = "A finding"
authors = ["Somebody <somebody@example.org>"]
[workspace]
[package.metadata.deb]
depends = ""
assets = [["target/release/finding", "usr/bin/", "755"], $1]
END
    rm -rf out
    "$work/bin/cargo-deb" deb --quiet --output out/ >/dev/null
    dpkg-deb --fsys-tarfile out/*.deb | tar --extract --to-stdout ./usr/share/doc/finding/copyright | sed -n 's/^Copyright: //p'
}

"$work/bin/cargo-deb" deb --version
pattern='["stage/doc/**/*", "usr/share/doc/finding/", "644"]'
seen="by a pattern: $(copyright_with "$pattern")
by its name: $(copyright_with "[\"stage/doc/copyright\", \"usr/share/doc/finding/copyright\", \"644\"], $pattern")"
printf '%s\n' "$seen"
expected='by a pattern: Somebody <somebody@example.org>
by its name: as written by hand'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
