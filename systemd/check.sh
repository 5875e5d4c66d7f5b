#!/usr/bin/env bash
# Checks the unit without a board: systemd accepts it, and the exposure of its sandbox is within the budget.
# pi-zero/test.sh runs the unit.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Ten times systemd-analyze's exposure, which goes from 0 (best) to 10.
exposure_budget=18

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# The unit names the installed program; for the check a stand-in lies in a temporary directory.
printf '#!/bin/sh\n' >"$tree/jarvis-node"
chmod +x "$tree/jarvis-node"
sed "s|/usr/local/bin/jarvis-node|$tree/jarvis-node|" "$here/jarvis-node-agent.service" >"$tree/jarvis-node-agent.service"
complaints=$(systemd-analyze verify --man=no "$tree/jarvis-node-agent.service" 2>&1) || true
if [[ -n $complaints ]]; then
    printf 'systemd-analyze verify rejects jarvis-node-agent.service:\n%s\n' "$complaints" >&2
    exit 1
fi
echo "ok: systemd-analyze verify accepts jarvis-node-agent.service"

if ! systemd-analyze security --offline=true --threshold="$exposure_budget" "$here/jarvis-node-agent.service" >"$tree/security"; then
    cat "$tree/security" >&2
    printf 'The exposure of jarvis-node-agent.service is above %s.%s.\n' "${exposure_budget%?}" "${exposure_budget: -1}" >&2
    exit 1
fi
printf 'ok: %s\n' "$(tail -n 1 "$tree/security" | sed 's/^[^A-Za-z]*//')"
