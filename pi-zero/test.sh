#!/usr/bin/env bash
# Tests jarvis-node on an emulated Pi Zero: a real Debian userland with our unit under systemd. The test reads the LED's
# GPIO from outside the machine. Prints the program's cost in memory and CPU time.
# The last line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The LED's decoder is tested first: that takes a second, and an error in it would fail the board's tests.
(cd "$here" && python3 -B -m unittest -q board.test_led)
"$here/prepare.sh"
exec python3 -B "$here/board_test.py" "$@"
