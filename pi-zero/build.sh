#!/usr/bin/env bash
# Builds target/pi-zero/jarvis-node, the static ARMv6 program for a Pi Zero, without Docker, and checks it: the right
# instruction set, no shared library, its size, and a whole validation over TLS on an emulated ARM1176.
# Then links the target of `cross build`, arm-unknown-linux-gnueabihf, against the glibc of cross's image.
#
# zig is the C compiler and linker (ring is partly C and assembler): it makes ARMv6 code, which the armhf compilers of
# Debian and Ubuntu cannot. Rust's library for these targets is built from its sources, because rustup may have no
# network.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
program=$work/jarvis-node
card_target=arm-unknown-linux-gnueabihf
musl_target=arm-unknown-linux-musleabihf
# The C library of cross's image: a program that needs a newer symbol fails here.
card_glibc=2.17
size_budget=1730000

# shellcheck source-path=SCRIPTDIR source=packages.sh
source "$root/pi-zero/packages.sh"
# shellcheck source-path=SCRIPTDIR source=gates.sh
source "$root/pi-zero/gates.sh"

main() {
    mkdir -p "$work"
    cd "$root"
    require readelf:binutils qemu-arm-static:qemu-user-static python3:python3
    command -v cargo >/dev/null || die "cargo is missing: install Rust first, see the README."
    install_zig
    find_rust_sources

    build "$musl_target" "-C link-self-contained=no"
    install -m 0755 "$work/cargo/$musl_target/release/jarvis-node" "$program.new"
    mv "$program.new" "$program"
    gate_armv6_hard_float "$program"
    gate_static "$program"
    gate_size "$program" "$size_budget"
    gate_validates "$program"

    # target-feature is left out: this link is dynamic, because zig has no static glibc.
    build "$card_target" "" ".$card_glibc"
    gate_armv6_hard_float "$work/cargo/$card_target/release/jarvis-node"
    gate_no_name_service "$work/cargo/$card_target/release/jarvis-node"
    say "ok: $card_target links against glibc $card_glibc"
}

install_zig() {
    local pinned="ziglang==0.15.2 cargo-zigbuild==0.24.0" venv=$work/venv
    if [[ $(cat "$venv/installed" 2>/dev/null) != "$pinned" ]]; then
        rm -rf "$venv"
        if ! python3 -m venv "$venv" 2>/dev/null; then
            rm -rf "$venv"
            python3 -c 'import ensurepip' 2>/dev/null || require no-such-command:python3-venv
            python3 -m venv "$venv"
        fi
        # shellcheck disable=SC2086 # two requirements, split on purpose
        "$venv/bin/pip" install --quiet $pinned >&2 || die "pip could not install $pinned; see its message above."
        printf '%s' "$pinned" >"$venv/installed"
    fi
    PATH=$venv/bin:$PATH
}

# Rust's library as source: rustup's component rust-src if it is installed, otherwise Debian's package of exactly this
# rustc's version, unpacked under target/. Cargo takes the folder from a variable made for its own tests.
find_rust_sources() {
    local sysroot version sources package
    sysroot=$(rustc --print sysroot)
    [[ ! -e $sysroot/lib/rustlib/src/rust/library/Cargo.lock ]] || return 0
    version=$(rustc --version | awk '{ print $2 }')
    sources=$work/rust-src-$version
    if [[ ! -e $sources ]]; then
        command -v apt-get >/dev/null || die "Rust's library sources are missing: rustup component add rust-src"
        say "fetching the sources of Rust's library $version"
        package=$(foreign_apt trixie-backports "$(dpkg --print-architecture)" apt-cache madison rust-src |
            awk -v version="$version" 'index($3, version "+") == 1 || index($3, version "-") == 1 { print $3; exit }')
        [[ -n $package ]] ||
            die "Debian's trixie-backports has no rust-src of version $version: rustup component add rust-src"
        fetch_package trixie-backports "$(dpkg --print-architecture)" "rust-src=$package" "$sources"
    fi
    export __CARGO_TESTS_ONLY_SRC_ROOT=$sources/usr/src/rustc-$version/library
}

# build TARGET RUSTFLAGS [GLIBC-SUFFIX]
build() {
    say "building for $1${3-}"
    # RUSTFLAGS replaces the list in .cargo/config.toml, which has the reasons of what stands here first.
    # RUSTC_BOOTSTRAP: -Zbuild-std is not stable yet. Its features leave out the reader of debug information for
    # backtraces, a tenth of the program, which finds nothing in a stripped one.
    # -Zlocation-detail: a panic says its message without the place in the source, which takes 40 KB of the program.
    # -enable-machine-outliner: instructions that recur are in one place, 80 KB less. LLVM has this on by itself for other
    # CPUs; it is no option of rustc, so it stays out of .cargo/config.toml. Outlining again what is left over
    # (-machine-outliner-reruns) makes a program that ends with SIGSEGV.
    local for_this_cpu="-C target-cpu=arm1176jzf-s -C relocation-model=static -C force-unwind-tables=no"
    local outlined="-C llvm-args=-enable-machine-outliner=always"
    # The heartbeat says the commit, if this is a checkout of one.
    local commit
    commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || commit=''
    [[ -z $commit ]] || export JARVIS_NODE_GIT_SHA=$commit
    RUSTFLAGS="$for_this_cpu -Zlocation-detail=none $outlined $2" \
        RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_DIR=$work/cargo \
        CFLAGS_arm_unknown_linux_musleabihf=-mcpu=arm1176jzf_s \
        CFLAGS_arm_unknown_linux_gnueabihf=-mcpu=arm1176jzf_s \
        cargo zigbuild --quiet --locked --release --package jarvis-node --bin jarvis-node \
        --target "$1${3-}" -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
}

main "$@"
