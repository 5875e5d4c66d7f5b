#!/usr/bin/env bash
# Cargo 1.95.0: `[profile.dev.package."*"] opt-level = 1`, meant to speed up dependencies at run time, is applied to
# build scripts and procedural macros as well, and wins over `[profile.dev.build-override] opt-level = 0`. Both run
# only during the build, so optimising them costs more than it saves: in one workspace of ours compiling `syn` took
# three times as long. Name the packages that matter at run time instead of "*".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'END'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
paste = "=1.0.15"
[workspace]
[profile.dev.build-override]
opt-level = 0
[profile.dev.package."*"]
opt-level = 1
END
echo 'paste::paste! { pub fn [<a b>]() {} }' >"$work/src/lib.rs"

# paste is a procedural macro with a build script.
seen=$(cargo build --verbose --manifest-path "$work/Cargo.toml" --target-dir "$work/target" 2>&1 |
    grep -oE 'crate-name (build_script_build|paste) |opt-level=[0-9]|Running `[^ ]*(rustc|build-script-build)' |
    grep -A 1 crate-name | grep -v '^--' | paste -sd ' ')
cargo --version
printf '%s\n' "$seen"
expected='crate-name build_script_build  opt-level=1 crate-name paste  opt-level=1'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
