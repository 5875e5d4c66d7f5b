# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# Builds static programs for the boards and for 64-bit machines. Sourced by pi-zero/build.sh and by build.sh beside this,
# so that the program of the packages is the one that the emulated board tests.
#
# zig is the C compiler and linker (ring is partly C and assembler): it makes ARMv6 code, which the armhf compilers of
# Debian and Ubuntu cannot. Rust's library for these targets is built from its sources, because rustup may have no
# network.
: "${root:?set by the script that sources this}" "${work:?set by the script that sources this}"

# shellcheck source-path=SCRIPTDIR source=../pi-zero/packages.sh
source "$root/pi-zero/packages.sh"

prepare_static_builds() {
    mkdir -p "$work"
    command -v cargo >/dev/null || die "cargo is missing: install Rust first, see the README."
    require python3:python3
    install_zig
    find_rust_sources
    name_commit
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

# Rust's library as source, at one place for every checkout: Cargo makes the folder a part of every symbol's name, whatever
# the prefixes are that rustc maps, and their order is in the program. Cargo takes it from a variable made for its own tests.
find_rust_sources() {
    local version place staged
    version=$(rustc --version | awk '{ print $2 }')
    place=/var/tmp/jarvis-node-rust-$version
    if [[ ! -e $place ]]; then
        fetch_rust_sources "$version"
        staged=$(mktemp -d "$place.XXXXXX")
        cp -rL "$rust_sources" "$staged/library"
        # Another build may have been faster.
        mv -T "$staged" "$place" 2>/dev/null || rm -rf "$staged"
    fi
    [[ -O $place && ! -L $place && -e $place/library/Cargo.lock ]] ||
        die "$place is not a copy of Rust's sources that this user has made: remove it, and it is made anew."
    rust_sources=$place/library
    export __CARGO_TESTS_ONLY_SRC_ROOT=$rust_sources
}

# Names the sources in `rust_sources`: rustup's component rust-src if it is installed, otherwise Debian's package of
# exactly this rustc's version, unpacked under target/.
fetch_rust_sources() {
    local version=$1 sources package
    rust_sources=$(rustc --print sysroot)/lib/rustlib/src/rust/library
    [[ ! -e $rust_sources/Cargo.lock ]] || return 0
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
    rust_sources=$sources/usr/src/rustc-$version/library
}

# The commit, if this is a checkout of one: the heartbeat says it, and its time is the time of the build, so that two
# builds of one commit make the same bytes.
name_commit() {
    local commit
    commit=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) || return 0
    export JARVIS_NODE_GIT_SHA=$commit
    export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
}

# build_static TARGET PROFILE PACKAGE [OPTION…]: into $work/cargo/TARGET/PROFILE. TARGET is cargo-zigbuild's: it may end
# with a version of glibc.
build_static() {
    local target=$1 profile=$2 package=$3 flags=''
    shift 3
    say "building $package for $target"
    case $target in
    arm-*)
        # RUSTFLAGS replaces the list in .cargo/config.toml, which has the reasons of what stands here first.
        flags="-C target-cpu=arm1176jzf-s -C relocation-model=static -C force-unwind-tables=no"
        # -enable-machine-outliner: instructions that recur are in one place, 80 KB less. LLVM has this on by itself for
        # other CPUs; it is no option of rustc, so it stays out of .cargo/config.toml. Outlining again what is left over
        # (-machine-outliner-reruns) makes a program that ends with SIGSEGV.
        flags+=" -C llvm-args=-enable-machine-outliner=always"
        ;;
    esac
    # zig brings musl's start files along.
    [[ $target != *-musl* ]] || flags+=" -C link-self-contained=no"
    # Relative, as Cargo starts rustc in the workspace's folder: Cargo makes the flags a part of every symbol's name.
    [[ $package != jarvis-node ]] || flags+=" -C link-arg=-Wl,-T,packaging/seldom.ld"
    # -Zlocation-detail: a panic says its message without the place in the source, which takes 40 KB of the program.
    # The folders of this machine are in no program.
    flags+=" -Zlocation-detail=none --remap-path-prefix=$root=/source --remap-path-prefix=$rust_sources=/rust"
    flags+=" --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    # CFLAGS: LLVM orders the instructions of ring's C so that fewer registers are spilled. A multiplication for X25519 and
    # Ed25519 takes 400 instructions instead of 432, a square 294 instead of 369.
    local c_flags="-mcpu=arm1176jzf_s -mllvm -pre-RA-sched=list-burr"
    # RUSTC_BOOTSTRAP: -Zbuild-std is not stable yet. Its features leave out the reader of debug information for
    # backtraces, a tenth of the program, which finds nothing in a stripped one.
    RUSTFLAGS=$flags \
        RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_DIR=$work/cargo \
        CFLAGS_arm_unknown_linux_musleabihf="$c_flags" \
        CFLAGS_arm_unknown_linux_gnueabihf="$c_flags" \
        cargo zigbuild --quiet --locked --profile "$profile" --package "$package" --bin "$package" \
        --target "$target" -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size "$@"
}

# build_beside COMMIT builds that commit's program by its own script, in a copy of the repository at $work/beside-COMMIT.
build_beside() {
    local place=$work/beside-$1
    [[ ! -e $place/target/pi-zero/jarvis-node ]] || return 0
    rm -rf "$place"
    git clone --quiet --no-checkout "$root" "$place"
    git -C "$place" checkout --quiet "$1"
    "$place/pi-zero/build.sh"
}
