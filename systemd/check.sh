#!/usr/bin/env bash
# Checks what stands in this directory as far as that can be done without a board: systemd accepts the unit, and its
# sandbox is as tight as we say. pi-zero/test.sh then runs it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# systemd-analyze's own scale from 0 (locked up) to 10, times ten.
exposure_budget=18

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# The unit names the program where it will be installed; here it stands in a temporary directory.
printf '#!/bin/sh\n' >"$tree/jarvis-node"
chmod +x "$tree/jarvis-node"
sed "s|/usr/local/bin/jarvis-node|$tree/jarvis-node|" "$here/jarvis-node.service" >"$tree/jarvis-node.service"
complaints=$(systemd-analyze verify --man=no "$tree/jarvis-node.service" 2>&1) || true
if [[ -n $complaints ]]; then
    printf 'systemd-analyze verify is not content with jarvis-node.service:\n%s\n' "$complaints" >&2
    exit 1
fi
echo "ok: systemd-analyze verify has nothing to say about jarvis-node.service"

if ! systemd-analyze security --offline=true --threshold="$exposure_budget" "$here/jarvis-node.service" >"$tree/security"; then
    cat "$tree/security" >&2
    printf 'The exposure of jarvis-node.service is above %s.%s.\n' "${exposure_budget%?}" "${exposure_budget: -1}" >&2
    exit 1
fi
printf 'ok: %s\n' "$(tail -n 1 "$tree/security" | sed 's/^[^A-Za-z]*//')"
