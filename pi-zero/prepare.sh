#!/usr/bin/env bash
# Builds what the scripts for the emulated board share: the program, the board's image and the server stub. QEMU has to
# be installed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
# shellcheck source-path=SCRIPTDIR source=packages.sh
source "$root/pi-zero/packages.sh"

cd "$root"
"$root/pi-zero/build.sh"
"$root/pi-zero/image.sh"
require qemu-system-arm:qemu-system-arm fdtput:device-tree-compiler dumpe2fs:e2fsprogs curl:curl ip:iproute2
cargo build --quiet --locked --package server-stub
