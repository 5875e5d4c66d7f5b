#!/usr/bin/env bash
# dash 0.5.12 (/bin/sh of Debian bookworm, and so of a board with it) with Linux 6.18: `read` of a number in /proc/sys gives
# its first digit, and the status 1 of a file without an end of line. dash reads a byte a time, since it must not take what
# comes after the line; for numbers the kernel has an end of file at every place but the first. Texts there, and files
# elsewhere in /proc and in /sys, are read whole, and so are numbers by bash, which reads further and goes back. A script
# that overlooks the status goes on with a number that is wrong and looks right. In /proc/sys take what `cat` gives.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download dash=0.5.12-2
dpkg-deb -x dash_*.deb .

# told SHELL FILE: how much of what `cat` gives `read` gives in that shell.
told() {
    # shellcheck disable=SC2016 # expanded by the other shell
    "$1" -c 'status=0; read -r read <"$1" || status=$?; cat=$(cat "$1")
        if [ "$read" = "$cat" ]; then echo "all, status $status"
        elif [ "$read" = "${cat%"${cat#?}"}" ]; then echo "the first character, status $status"
        else echo "$read of $cat, status $status"; fi' told "$2"
}
seen=''
for file in /proc/sys/kernel/pid_max /proc/sys/kernel/ostype /sys/class/net/lo/mtu; do
    for shell in bin/dash bash; do seen+="$shell $file: $(told "$shell" "$file")"$'\n'; done
done
uname -r
printf '%s' "$seen"
expected='bin/dash /proc/sys/kernel/pid_max: the first character, status 1
bash /proc/sys/kernel/pid_max: all, status 0
bin/dash /proc/sys/kernel/ostype: all, status 0
bash /proc/sys/kernel/ostype: all, status 0
bin/dash /sys/class/net/lo/mtu: all, status 0
bash /sys/class/net/lo/mtu: all, status 0
'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
