#!/usr/bin/env bash
# ring 0.17.14 and OpenSSL 3.0: each writes Ed25519 keys as PKCS #8, and neither reads the other's by its usual call.
# ring writes version 2 of the format, with the public key, which OpenSSL 3.0 does not decode; OpenSSL writes version 1,
# without it, which ring's `from_pkcs8` refuses (`from_pkcs8_maybe_unchecked` takes it).
# A program that makes keys for other programs should write version 1.
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
ring = "=0.17.14"
[workspace]
END
cat >"$work/src/main.rs" <<'END'
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};

fn main() {
    let file = std::env::args().nth(1).unwrap();
    std::fs::write(file, Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap()).unwrap();
    let theirs = std::fs::read(std::env::args().nth(2).unwrap()).unwrap();
    let named = |read: Result<Ed25519KeyPair, _>| read.map(|_| "a key").map_err(|error: ring::error::KeyRejected| error.to_string());
    println!("ring, from_pkcs8: {:?}", named(Ed25519KeyPair::from_pkcs8(&theirs)));
    println!("ring, maybe_unchecked: {:?}", named(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&theirs)));
}
END

openssl version | cut -d' ' -f1,2
openssl genpkey -algorithm ed25519 -outform der -out "$work/theirs.der"
seen=$(cargo run --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target" -- "$work/ours.der" "$work/theirs.der")
if openssl pkey -inform der -in "$work/ours.der" -noout 2>/dev/null; then
    seen+=$'\nopenssl pkey: a key'
else
    seen+=$'\nopenssl pkey: no key'
fi
printf '%s\n' "$seen"
expected='ring, from_pkcs8: Err("VersionNotSupported")
ring, maybe_unchecked: Ok("a key")
openssl pkey: no key'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
