#!/usr/bin/env bash
# Runs the unit on an emulated Pi Zero under continual faults and watches its memory, descriptors and deadlines:
#   pi-zero/soak.sh [--minutes M] [--seed S]
# The last line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/prepare.sh" zero
exec python3 -B "$here/soak.py" "$@"
