#!/usr/bin/env bash
# Measures one validation over TLS on the emulated Pi Zero by jarvis-node, curl and a Python node, in one boot. The last
# line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/prepare.sh" zero
exec python3 -B "$here/board_bench.py"
