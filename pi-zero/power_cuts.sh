#!/usr/bin/env bash
# Cuts the power of an emulated Pi Zero while its credential is replaced, or while its package is installed, and boots it
# again:
#   pi-zero/power_cuts.sh [--cuts N] [--package-cuts N] [--seed S]
# The last line is "N passed, M failed".
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/prepare.sh" zero
exec python3 -B "$here/power_cuts.py" "$@"
