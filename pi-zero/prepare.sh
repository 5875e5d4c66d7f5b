#!/usr/bin/env bash
# Builds what the scripts for an emulated board share: its program or its packages, its image and the server stub, and
# installs QEMU where that is allowed.
#
#   pi-zero/prepare.sh zero      a Pi Zero; also its package of the next version, to upgrade to
#   pi-zero/prepare.sh zero2w    a Pi Zero 2 W
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
# shellcheck source-path=SCRIPTDIR source=packages.sh
source "$root/pi-zero/packages.sh"

# After 0.2.0, 0.2.1.
next_version() {
    sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml | awk -F . -v OFS=. '{ $3 += 1; print }'
}

cd "$root"
require qemu-system-arm:qemu-system-arm fdtput:device-tree-compiler dumpe2fs:e2fsprogs curl:curl ip:iproute2 \
    mcopy:mtools mkfs.vfat:dosfstools sfdisk:fdisk
case ${1-} in
zero)
    "$root/pi-zero/build.sh"
    "$root/packaging/build.sh" --only armhf "$work/packages/armhf"
    "$root/packaging/build.sh" --only armhf --version "$(next_version)" "$work/packages/armhf-later"
    ;;
zero2w) "$root/packaging/build.sh" --only arm64 "$work/packages/arm64" ;;
*) die "Usage: pi-zero/prepare.sh zero | zero2w" ;;
esac
"$root/pi-zero/image.sh" "$1"
cargo build --quiet --locked --package server-stub
