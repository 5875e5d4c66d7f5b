#!/usr/bin/env bash
# Boots an emulated Pi Zero with this build and with another commit's, by turns, and prints when the LED is first lit and
# when the first verdict is there.
#
#   pi-zero/boots.sh COMMIT [--boots N]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
# shellcheck source-path=SCRIPTDIR source=../packaging/static.sh
source "$root/packaging/static.sh"

commit=${1:?the commit to compare with}
shift
"$root/pi-zero/build.sh"
"$root/pi-zero/image.sh" zero
build_beside "$commit"
(cd "$root" && cargo build --quiet --locked --package server-stub)
cd "$root/pi-zero"
exec python3 -B -m board.boots --beside "$work/beside-$commit" "$@"
