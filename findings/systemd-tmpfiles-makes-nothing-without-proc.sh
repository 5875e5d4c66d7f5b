#!/usr/bin/env bash
# systemd 252 (Debian bookworm): `systemd-tmpfiles --create` makes nothing and exits with 1 where /proc is not mounted, as
# in a plain chroot in which an image is being built, while `systemd-sysusers` does its work there. The message advises
# --root=, but --root=/ in that chroot fails in the same way; --root=FOLDER from outside works. Maintainer scripts that
# end with `|| true`, as debhelper makes them, install without their folders. Such a script has to go on without the
# folders, which the next boot makes, or to make those that it needs. Needs root and mmdebstrap.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
system=$work/system
mmdebstrap --quiet --variant=essential --include=systemd bookworm "$system" >&2
echo 'd /var/lib/finding 0700 root root' >"$system/usr/lib/tmpfiles.d/finding.conf"
echo 'u finding -' >"$system/usr/lib/sysusers.d/finding.conf"

seen=''
# try COMMAND…: its exit code, and whether the folder is there afterwards.
try() {
    local status=0 folder=none
    "$@" || status=$?
    [[ ! -d $system/var/lib/finding ]] || folder=made
    seen+="${*//"$system"/SYSTEM}: exit code $status, folder $folder"$'\n'
    rm -rf "$system/var/lib/finding"
}
[[ ! -e $system/proc/self ]] || { echo "/proc is mounted in $system" >&2; exit 1; }
try chroot "$system" systemd-tmpfiles --create finding.conf
try chroot "$system" systemd-tmpfiles --root=/ --create finding.conf
try chroot "$system" systemd-sysusers finding.conf
mount --bind /proc "$system/proc"
try chroot "$system" systemd-tmpfiles --create finding.conf
umount "$system/proc"
chroot "$system" systemd-tmpfiles --version | head -n 1
printf '%s' "$seen"
expected='chroot SYSTEM systemd-tmpfiles --create finding.conf: exit code 1, folder none
chroot SYSTEM systemd-tmpfiles --root=/ --create finding.conf: exit code 1, folder none
chroot SYSTEM systemd-sysusers finding.conf: exit code 0, folder none
chroot SYSTEM systemd-tmpfiles --create finding.conf: exit code 0, folder made
'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
