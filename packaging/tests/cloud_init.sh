#!/usr/bin/env bash
# Tries the user-data of docs/installing.md by Debian's cloud-init, in a Debian of its own where nothing runs:
# cloud_init.sh PACKAGE STUB, with a package of this machine's processor and a server-stub. cloud-init accepts it, writes
# the file, and the installed program joins the stub's home by that.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
package=$1 stub=$2
tree=$(mktemp -d)
home=$tree/root/home

main() {
    trap end EXIT
    mmdebstrap --quiet --variant=apt --include=cloud-init,systemd,init-system-helpers bookworm "$tree"
    cp "$package" "$tree/root/package.deb"
    # The package makes its folders by systemd-tmpfiles, which wants it.
    mount -t proc proc "$tree/proc"
    chroot "$tree" dpkg -i /root/package.deb >/dev/null
    mkdir -p "$tree/boot/firmware" "$home"
    start_stub
    write_user_data

    chroot "$tree" cloud-init schema --config-file /root/user-data
    chroot "$tree" cloud-init --file /root/user-data single --name write_files --frequency always >/dev/null
    [[ -s $tree/boot/firmware/jarvis-node.json ]] || fail "cloud-init has not written the file"
    chroot "$tree" jarvis-node first-boot
    chroot "$tree" jarvis-node check
    [[ -z $(ls "$tree/boot/firmware") ]] || fail "the boot partition holds $(ls "$tree/boot/firmware")"
    echo "ok: a node by cloud-init"
}

start_stub() {
    "$stub" --plain --ports 0 --dir "$home" >"$home/said" 2>/dev/null &
    stub_pid=$!
    for _ in {1..600}; do
        [[ ! -s $home/said ]] || return 0
        sleep 0.1
    done
    fail "the stub does not start"
}

# The block of the document, with this home, a token of it and no LED.
write_user_data() {
    local center token
    center=$(sed -n '1s/.*"command_center":"\([^"]*\)".*/\1/p' "$home/said")
    token=$(curl -fsS -H "X-API-Key: $(<"$home/admin.token")" -H 'Content-Type: application/json' \
        -d '{"household_id": "11111111-2222-4333-8444-555555555555", "node_id": "attic-pi"}' \
        "$center/api/v0/provisioning/token" | sed 's/.*"token": *"\([^"]*\)".*/\1/')
    sed -n '/^#cloud-config$/,/^```$/p' "$root/docs/installing.md" | sed -e '/^```$/d' -e "s|prov_…|$token|" \
        -e "s|http://192.168.1.10:7700|$center|" -e 's|{ "gpio": 26 }|"none"|' >"$tree/root/user-data"
    grep -qF "$token" "$tree/root/user-data" || fail "the document has no block for cloud-init"
}

end() {
    [[ -z ${stub_pid-} ]] || kill "$stub_pid" || true
    ! mountpoint -q "$tree/proc" || umount "$tree/proc"
    rm -rf --one-file-system "$tree"
}

fail() {
    echo "$1" >&2
    exit 1
}

main
