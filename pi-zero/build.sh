#!/usr/bin/env bash
# Builds target/pi-zero/jarvis-node, the static ARMv6 program for a Pi Zero, without Docker, and checks it: the right
# instruction set, no shared library, its size, and a whole validation over TLS on an emulated ARM1176.
# Then links the target of `cross build`, arm-unknown-linux-gnueabihf, against the glibc of cross's image.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
program=$work/jarvis-node
card_target=arm-unknown-linux-gnueabihf
musl_target=arm-unknown-linux-musleabihf
# The C library of cross's image: a program that needs a newer symbol fails here.
card_glibc=2.17
size_budget=1850000

# shellcheck source-path=SCRIPTDIR source=../packaging/static.sh
source "$root/packaging/static.sh"
# shellcheck source-path=SCRIPTDIR source=gates.sh
source "$root/pi-zero/gates.sh"

main() {
    cd "$root"
    require readelf:binutils qemu-arm-static:qemu-user-static
    prepare_static_builds

    build_static "$musl_target" release jarvis-node
    install -m 0755 "$work/cargo/$musl_target/release/jarvis-node" "$program.new"
    mv "$program.new" "$program"
    gate_armv6_hard_float "$program"
    gate_static "$program"
    gate_size "$program" "$size_budget"
    gate_validates "$program"

    # target-feature is left out: this link is dynamic, because zig has no static glibc.
    build_static "$card_target.$card_glibc" release jarvis-node
    gate_armv6_hard_float "$work/cargo/$card_target/release/jarvis-node"
    gate_no_name_service "$work/cargo/$card_target/release/jarvis-node"
    say "ok: $card_target links against glibc $card_glibc"
}

main "$@"
