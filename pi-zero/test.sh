#!/usr/bin/env bash
# Boots an emulated Pi Zero with a real Debian userland and our unit under systemd, and asserts from outside, reading
# the LED's GPIO out of the machine, that jarvis-node does there what it promises. Prints what it costs, too.
# The last line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# What decodes the LED is itself checked first: it costs a second, a wrong verdict on the board costs an afternoon.
(cd "$here" && python3 -B -m unittest -q board.test_led)
"$here/prepare.sh"
exec python3 -B "$here/board_test.py" "$@"
