#!/usr/bin/env bash
# Packages the four crates for crates.io and compiles what was packaged: a file that is left out is missing there.
# `cargo package` can compile them itself, but builds every dependency anew for it, which takes a quarter of an hour.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=packages.sh
source .ci/packages.sh

crates=(node-core jarvis-node server-stub node-sim)
packaged=target/package
said=$(cargo package --locked --no-verify "${crates[@]/#/--package=}" 2>&1) || die "$said"
# Tests that need test-support, which is not published, stay out, and cargo says so of each.
! grep '^warning' <<<"$said" | grep -v '^warning: ignoring test ' || die "cargo package has warnings, see above."

rm -rf "$packaged/unpacked"
mkdir "$packaged/unpacked"
{
    printf '[workspace]\nresolver = "3"\nmembers = ["*"]\n[patch.crates-io]\n'
    for crate in "${crates[@]}"; do
        tar -xzf "$packaged/$crate"-[0-9]*.crate -C "$packaged/unpacked"
        printf '%s = { path = "%s" }\n' "$crate" "$(basename "$packaged/unpacked/$crate"-[0-9]*)"
    done
} >"$packaged/Cargo.toml"
mv "$packaged/Cargo.toml" "$packaged/unpacked"
cp Cargo.lock "$packaged/unpacked"
CARGO_TARGET_DIR=$PWD/target cargo check --quiet --manifest-path "$packaged/unpacked/Cargo.toml" --workspace ||
    die "What is packaged does not compile, see above: does its include in Cargo.toml name every file?"
printf 'ok: %s crates package themselves and compile\n' "${#crates[@]}"
