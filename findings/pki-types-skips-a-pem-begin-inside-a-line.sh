#!/usr/bin/env bash
# rustls-pki-types 1.15.1: its PEM reader takes a section only where `-----BEGIN` starts a line. A bundle that was joined
# from files of which one lacks its last line end, or that has a byte order mark, loses the certificates concerned
# without an error. A program that reads bundles as people have them has to look for BEGIN inside lines as well.
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
rustls-pki-types = { version = "=1.15.1", features = ["std"] }
[workspace]
END
cat >"$work/src/main.rs" <<'END'
use rustls_pki_types::{CertificateDer, pem::PemObject};

fn main() {
    for file in std::env::args().skip(1) {
        let text = std::fs::read(&file).unwrap();
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        println!("{}: {:?}", file.rsplit('/').next().unwrap(), read.map(|found| found.len()).map_err(|e| e.to_string()));
    }
}
END

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/key" -subj /CN=one -out "$work/one" 2>/dev/null
cat "$work/one" "$work/one" >"$work/two"
{ printf %s "$(<"$work/one")" && cat "$work/one"; } >"$work/joined"
{ printf '\xef\xbb\xbf' && cat "$work/one"; } >"$work/marked"
seen=$(cargo run --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target" -- "$work/two" "$work/joined" "$work/marked")
printf '%s\n' "$seen"
expected='two: Ok(2)
joined: Ok(1)
marked: Ok(0)'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
