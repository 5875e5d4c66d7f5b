#!/usr/bin/env bash
# Tests jarvis-node on emulated boards: a real Debian userland with our unit under systemd. The test reads the LED's
# GPIO from outside the machine. Prints the program's cost in memory and CPU time.
#
#   pi-zero/test.sh                the Pi Zeros
#   pi-zero/test.sh zero2w_board   the Pi Zero 2 W
#   pi-zero/test.sh BOARD…         those Zeros, by the names in board_test.py
#
# The last line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The LED's decoder is tested first: that takes a second, and an error in it would fail the board's tests.
(cd "$here" && python3 -B -m unittest -q board.test_led)
case ${1-} in
zero2w_board) "$here/prepare.sh" zero2w ;;
*) "$here/prepare.sh" zero ;;
esac
exec python3 -B "$here/board_test.py" "$@"
