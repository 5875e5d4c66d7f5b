#!/usr/bin/env bash
# Cargo 1.95.0, -Zbuild-std: the folder in which the sources of Rust's library lie goes into `-C metadata` of its crates, and
# so into the name of every symbol. No --remap-path-prefix changes that: on two machines with their toolchains in different
# folders the names differ. Give all builds one folder for these sources (__CARGO_TESTS_ONLY_SRC_ROOT, a variable made for
# Cargo's own tests, names it). Takes the sources of rustup's component rust-src, or of the folder RUST_LIBRARY.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library=${RUST_LIBRARY:-$(rustc --print sysroot)/lib/rustlib/src/rust/library}
[[ -e $library/core ]] || { echo "Rust's sources are missing: rustup component add rust-src, or set RUST_LIBRARY." >&2; exit 1; }
mkdir -p "$work/package/src"
printf '[package]\nname = "finding"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$work/package/Cargo.toml"
echo '#![no_std]' >"$work/package/src/lib.rs"
target=$(rustc -vV | sed -n 's/^host: //p')

# build FOLDER: builds core from a copy there, and prints the mangled name of one of its functions. All else is the same.
build() {
    mkdir "$1"
    cp -rL "$library" "$1/library"
    rm -rf "$work/target"
    __CARGO_TESTS_ONLY_SRC_ROOT=$1/library RUSTC_BOOTSTRAP=1 RUSTFLAGS="--remap-path-prefix=$1=/rust" \
        cargo build --quiet --manifest-path "$work/package/Cargo.toml" --target-dir "$work/target" --target "$target" \
        -Zbuild-std=core
    nm "$work/target/$target/debug/deps"/libcore-*.rlib 2>/dev/null | grep -oE '\S*core4char7methods\S*' | sort | sed -n 1p
    rm -r "$1"
}

first=$(build "$work/one") again=$(build "$work/one") second=$(build "$work/two")
cargo --version
seen="one folder: $first
the same folder again: $again
another folder: $second"
printf '%s\n' "$seen"
[[ -n $first && $first == "$again" && $first != "$second" ]] ||
    { echo "The behaviour has changed; seen before: twice the same name, and another one." >&2; exit 1; }
