#!/usr/bin/env bash
# ring 0.17.14 multiplies on P-256 by fiat-crypto's C, of 32-bit words and carries between them. clang 20.1.2 (zig 0.15.2)
# compiles that for an ARM1176 into code that moves the carry between the flags and registers, and both to the stack: of the
# 1,786 instructions of a multiplication 231 are `mrs` and `msr`, and 88 multiply. So on ARMv6 a signature on P-256 costs
# several times what one by RSA-2048 costs, though curves are said to be the light choice: docs/evidence, "What a verdict
# costs".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ziglang==0.15.2
mkdir "$work/src"
touch "$work/src/lib.rs"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
ring = "=0.17.14"
[workspace]
TOML
cargo vendor --quiet --manifest-path "$work/Cargo.toml" "$work/vendor" >/dev/null
ring=$work/vendor/ring
"$work/venv/bin/python" -m ziglang cc -target arm-linux-musleabihf -mcpu=arm1176jzf_s -Oz -S \
    -I "$ring/include" -I "$ring/pregenerated" "$ring/crypto/fipsmodule/ec/p256.c" -o "$work/p256.s"

# Of one function's instructions: all, multiplications, and those that move the flags.
read -r all multiplied moved < <(awk '
    /^fiat_p256_mul:/ { inside = 1 }
    inside && /^[[:space:]]+[a-z]/ {
        all++
        if ($1 ~ /^u?m[lu]+[al]*$/) multiplied++
        if ($1 == "mrs" || $1 == "msr") moved++
    }
    inside && /\.fnend/ { exit }
    END { print all + 0, multiplied + 0, moved + 0 }' "$work/p256.s")
"$work/venv/bin/python" -m ziglang cc --version | head -n 1
echo "fiat_p256_mul: $all instructions, of which $multiplied multiply and $moved move the flags"
((moved > 100 && moved > multiplied)) || { echo "The behaviour has changed; seen before: 231 move the flags, 88 multiply" >&2; exit 1; }
