#!/usr/bin/env bash
# Counts what jarvis-node executes on a Pi Zero's CPU, in instructions, which a busy machine counts like an idle one. The
# last line is "N passed, M failed".
#
#   pi-zero/count.sh                     every row, with its budget in counting/budgets.json
#   pi-zero/count.sh --days              only what a day of validity, of an outage and of a flapping server costs
#   pi-zero/count.sh --beside COMMIT     and side by side with another commit's build, and with curl
#   pi-zero/count.sh --symbols KEY_TYPE  the functions in which a check spends its instructions
#   pi-zero/count.sh --seldom            the parts of the program that a daemon brings into memory (packaging/seldom.ld)
#   pi-zero/count.sh --set               makes the budgets what is counted now
#
# In a network of its own, so that what goes over it is the program's alone.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
# shellcheck source-path=SCRIPTDIR source=../packaging/static.sh
source "$root/packaging/static.sh"

main() {
    local options=("$@") commit=''
    require qemu-arm:qemu-user cc:gcc unshare:util-linux setpriv:util-linux ip:iproute2
    ((EUID == 0)) || die "An LED of its own needs root: run this with sudo."
    mkdir -p "$work/counting"
    cc -Wall -Wextra -Werror -O2 -shared -fPIC -o "$work/counting/plugin.so" "$root"/pi-zero/counting/*.c
    # And the stub.
    "$root/pi-zero/build.sh"
    case ${1-} in
    --beside)
        commit=${2:?the commit to compare with}
        build_beside "$commit"
        prepare_curl
        options=(--beside "$work/beside-$commit/target/pi-zero/jarvis-node" --curl "$work/counting/armel" "${@:3}")
        ;;
    --symbols | --seldom)
        with_symbols
        options+=(--program "$work/counting/cargo/arm-unknown-linux-musleabihf/release/jarvis-node")
        ;;
    esac
    cd "$root/pi-zero"
    # With the largest packets of an Ethernet or a radio.
    exec unshare --net sh -c 'ip link set lo mtu 1500 up && exec python3 -B -m counting "$@"' sh "${options[@]}"
}

# The same program with its symbols.
with_symbols() {
    cd "$root"
    prepare_static_builds
    work=$work/counting CARGO_PROFILE_RELEASE_STRIP=none build_static arm-unknown-linux-musleabihf release jarvis-node
}

# Debian's curl for the same CPU.
prepare_curl() {
    local tree=$work/counting/armel
    [[ ! -e $tree ]] || return 0
    require mmdebstrap:mmdebstrap
    say "fetching curl for armel (once)"
    mmdebstrap --quiet --variant=extract --architectures=armel --include=curl bookworm "$tree.new" "$(debian_source bookworm armel)" >&2
    mv "$tree.new" "$tree"
}

main "$@"
