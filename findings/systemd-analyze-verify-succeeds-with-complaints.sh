#!/usr/bin/env bash
# systemd 252 (Debian bookworm): `systemd-analyze verify` prints that it ignores a misspelt setting, and exits with 0.
# A check of a unit in CI has to fail on any output instead of the exit code.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '[Service]\nExecStart=/bin/true\nNoNewPriviliges=yes\n' >"$work/finding.service"
systemd-analyze --version | head -n 1 | cut -d' ' -f1,2
status=0
complaint=$(systemd-analyze verify --man=no "$work/finding.service" 2>&1) || status=$?
seen="${complaint//"$work"\//}"$'\n'"exit code $status"
printf '%s\n' "$seen"
expected="finding.service:3: Unknown key 'NoNewPriviliges' in section [Service], ignoring.
exit code 0"
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
