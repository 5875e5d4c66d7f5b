#!/usr/bin/env bash
# Checks units without starting them, by this machine's systemd: systemd accepts it, knows every directive and capability
# in it, and the exposure of its sandbox is within the budget. pi-zero/test.sh runs this on the board too, since that
# has the systemd that counts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
unit=${1:-$here/jarvis-node-agent.service}
name=$(basename "$unit")
# Ten times systemd-analyze's exposure, which goes from 0 (best) to 10.
exposure_budget=18

main() {
    local beside
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    # They have no budget for their exposure: what an update needs, only the board's owner knows, and the first boot is
    # root's.
    for beside in "${unit%.service}"-{update.path,update.service,first-boot.service}; do
        [[ -f $beside ]] || continue
        check_accepted "$beside"
        check_directives "$beside"
        check_capabilities "$beside"
    done
    check_accepted "$unit"
    check_directives "$unit"
    check_capabilities "$unit"
    check_users
    check_exposure
}

# check_accepted UNIT
check_accepted() {
    local complaints name
    name=$(basename "$1")
    # The units name the installed program; for the check a stand-in lies in a temporary directory.
    printf '#!/bin/sh\n' >"$tree/jarvis-node"
    chmod +x "$tree/jarvis-node"
    local beside
    for beside in "$1" "${1%.path}.service"; do
        [[ ! -f $beside ]] ||
            sed "s|/usr/local/bin/jarvis-node|$tree/jarvis-node|" "$beside" >"$tree/$(basename "$beside")"
    done
    complaints=$(systemd-analyze verify --man=no "$tree/$name" 2>&1) || true
    [[ -z $complaints ]] || fail "systemd-analyze verify rejects $name:" "$complaints"
    echo "ok: systemd-analyze verify accepts $name"
}

# check_directives UNIT, by systemd's own list. verify takes every name that begins with X- for somebody else's.
check_directives() {
    local systemd unknown name
    name=$(basename "$1")
    for systemd in /usr/lib/systemd/systemd /lib/systemd/systemd; do
        [[ ! -x $systemd ]] || break
    done
    "$systemd" --dump-configuration-items | directives >"$tree/known"
    directives <"$1" >"$tree/used"
    unknown=$(grep -vxFf "$tree/known" "$tree/used") || true
    [[ -z $unknown ]] || fail "systemd does not know these directives of $name:" "$unknown"
    echo "ok: systemd knows the $(wc -l <"$tree/used") directives of $name"
}

# Prints [Section]Directive for each line of a unit on standard input.
directives() {
    awk '/^\[/ { section = $1 } /^[A-Za-z0-9-]+=/ { sub(/=.*/, ""); print section $0 }'
}

# check_capabilities UNIT: systemd passes over a capability that it does not know, and the exposure gets better by it.
check_capabilities() {
    local capability known name
    name=$(basename "$1")
    known=$(systemd-analyze capability | awk '{ print $1 }')
    while read -r capability; do
        [[ -z $capability ]] || grep -qixF "$capability" <<<"$known" ||
            fail "systemd knows no capability $capability, which $name has."
    done < <(sed -nE 's/^(CapabilityBoundingSet|AmbientCapabilities)=~?//p' "$1" | tr ' ' '\n')
    echo "ok: systemd knows the capabilities of $name"
}

# systemd learns only at the start that a user or a group does not exist.
check_users() {
    local found wanted
    found=$(awk '$1 == "u" { print "User=" $2 "\nGroup=" $2 } $1 == "g" { print "SupplementaryGroups=" $2 }' \
        "$here/jarvis-node-agent.sysusers")
    while read -r wanted; do
        grep -qxF "$wanted" <<<"$found" || fail "$name has $wanted, which jarvis-node-agent.sysusers does not make."
    done < <(grep -E '^(User|Group|SupplementaryGroups)=' "$unit")
    echo "ok: the user and the groups of $name are made at the installation"
}

check_exposure() {
    if ! systemd-analyze security --offline=true --threshold="$exposure_budget" "$unit" >"$tree/security"; then
        fail "The exposure of $name is above ${exposure_budget%?}.${exposure_budget: -1}." "$(<"$tree/security")"
    fi
    printf 'ok: %s\n' "$(tail -n 1 "$tree/security" | sed 's/^[^A-Za-z]*//')"
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

main
