#!/usr/bin/env bash
# zeroize 1.9.2 wipes a slice in one piece (`[u8]::zeroize` fills it and then keeps the compiler from leaving that out), but
# the bytes of a vector each by itself: `Vec<u8>::zeroize`, and with it `Zeroizing<Vec<u8>>` when it is dropped, takes many
# times as long for the same bytes. A buffer that has room for the longest answer pays for all of it with each answer.
# `bytes.as_mut_slice().zeroize()` is the fast way; src/system/wiped.rs does that.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
zeroize = "=1.9.2"
[workspace]
[profile.release]
opt-level = "z"
lto = "fat"
EOF
cat >"$work/src/main.rs" <<'EOF'
use std::hint::black_box;
use std::time::Instant;
use zeroize::Zeroize;

const LEN: usize = 64 * 1024;

/// The nanoseconds for wiping `LEN` bytes, the fewest of several tries.
fn measured(wipe: fn(&mut Vec<u8>)) -> u128 {
    let once = || {
        let mut bytes = black_box(vec![7_u8; LEN]);
        let start = Instant::now();
        wipe(&mut bytes);
        let took = start.elapsed().as_nanos();
        black_box(&bytes);
        took
    };
    (0..50).map(|_| once()).min().unwrap().max(1)
}

fn main() {
    let vector = measured(|bytes| bytes.zeroize());
    let slice = measured(|bytes| bytes.as_mut_slice().zeroize());
    println!("wiping {LEN} bytes: as a vector {vector} ns, as a slice {slice} ns: {} times as long", vector / slice);
    println!("{}", if vector / slice >= 5 { "byte by byte" } else { "in one piece" });
}
EOF
seen=$(cargo run --quiet --release --manifest-path "$work/Cargo.toml" --target-dir "$work/target")
cargo --version
printf '%s\n' "$seen"
[[ ${seen##*$'\n'} == 'byte by byte' ]] || { echo "The behaviour has changed; seen before: byte by byte" >&2; exit 1; }
