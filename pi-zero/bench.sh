#!/usr/bin/env bash
# One validation over TLS on the emulated Pi Zero, by jarvis-node, by curl and by a Python node, side by side in one
# boot: CPU time and memory are those of the ARMv6 programs, whatever the host. The last line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/prepare.sh"
exec python3 -B "$here/board_bench.py"
