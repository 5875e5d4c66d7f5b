#!/usr/bin/env bash
# Installs jarvis-node on this board, or with --root on the mounted card of another. Files that are not given stay as
# they are, so the same command with a newer PROGRAM is the upgrade.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage="Usage: systemd/install.sh [OPTION…] PROGRAM
  PROGRAM             what pi-zero/build.sh made: target/pi-zero/jarvis-node
  --config FILE       its configuration; without one, an example to be filled in
  --app-key FILE      the app key
  --credential FILE   the node's credential
  --ca FILE           the certificate authority, for \"ca_file\": \"/etc/jarvis-node-agent/ca.pem\"
  --root DIR          where the card is mounted, when it is not this system's own"

root='' config='' app_key='' credential='' ca='' program=''

main() {
    read_arguments "$@"
    check_arguments
    place 0755 "$program" /usr/local/bin/jarvis-node
    place 0644 "$here/jarvis-node-agent.service" /etc/systemd/system/jarvis-node-agent.service
    place 0644 "$here/jarvis-node-agent.sysusers" /etc/sysusers.d/jarvis-node-agent.conf
    place 0644 "$here/jarvis-node-agent.tmpfiles" /etc/tmpfiles.d/jarvis-node-agent.conf
    place 0644 "$here/60-jarvis-node-agent.rules" /etc/udev/rules.d/60-jarvis-node-agent.rules
    systemd-sysusers ${root:+"--root=$root"} jarvis-node-agent.conf
    systemd-tmpfiles ${root:+"--root=$root"} --create jarvis-node-agent.conf

    if [[ -z $config && ! -e $root/etc/jarvis-node-agent/config.json ]]; then
        config=$here/config.example.json
    fi
    [[ -z $config ]] || place 0644 "$config" /etc/jarvis-node-agent/config.json
    [[ -z $ca ]] || place 0644 "$ca" /etc/jarvis-node-agent/ca.pem
    [[ -z $app_key ]] || place_secret "$app_key" /etc/jarvis-node-agent/app.key
    [[ -z $credential ]] || place_secret "$credential" /var/lib/jarvis-node-agent/credential.json

    systemctl ${root:+"--root=$root"} --quiet enable jarvis-node-agent.service
    [[ -n $root ]] || start_anew
    say_what_is_left
}

read_arguments() {
    while (($#)); do
        case $1 in
        --root | --config | --app-key | --credential | --ca)
            (($# > 1)) || die "$1 wants a value. $usage"
            local name=${1#--}
            printf -v "${name//-/_}" %s "$2"
            shift 2
            ;;
        -h | --help)
            printf '%s\n' "$usage"
            exit 0
            ;;
        -*) die "There is no option $1. $usage" ;;
        *)
            [[ -z $program ]] || die "One program is enough. $usage"
            program=$1
            shift
            ;;
        esac
    done
}

check_arguments() {
    local file
    [[ -n $program ]] || die "$usage"
    for file in "$program" "$config" "$app_key" "$credential" "$ca"; do
        [[ -z $file || -f $file ]] || die "There is no file $file."
    done
    ((EUID == 0)) || die "This needs root: run it with sudo."
    [[ -z $root || -d $root/etc/systemd ]] || die "$root has no etc/systemd: is the card's root partition mounted there?"
    root=${root%/}
}

# place MODE FILE PATH replaces a file in one step, so that a power cut leaves the old or the new one. It also replaces
# a program that is running.
place() {
    local target=$root$3
    install -D -m "$1" "$2" "$target.new"
    chown 0:0 "$target.new"
    sync "$target.new"
    mv "$target.new" "$target"
}

# The program refuses a secret that another user owns or can read. On a card the owner's number is that of the card's
# system. The file is made in the folder above, which belongs to root: in a folder of the daemon's user, a link made by
# that user could lead root's chown to another file.
place_secret() {
    local target=$root$2 new
    new=$(mktemp "$(dirname "$(dirname "$target")")/.jarvis-node.XXXXXX")
    cat "$1" >"$new"
    chmod 0600 "$new"
    chown "$(awk -F: '$1 == "jarvis-node-agent" { print $3 ":" $4 }' "$root/etc/passwd")" "$new"
    sync "$new"
    mv -fT "$new" "$target"
}

start_anew() {
    systemctl daemon-reload
    udevadm control --reload
    udevadm trigger --settle --subsystem-match=gpio --subsystem-match=leds
    systemctl restart jarvis-node-agent.service
}

say_what_is_left() {
    printf 'Installed%s.\n' "${root:+ on $root}"
    if [[ $config == "$here/config.example.json" ]]; then
        echo "Now fill in $root/etc/jarvis-node-agent/config.json."
    fi
    # A node that asks the command center has no app key.
    [[ -e $root/etc/jarvis-node-agent/app.key ]] || grep -q '"via"' "$root/etc/jarvis-node-agent/config.json" ||
        echo "The app key is still to come: run this again with --app-key FILE."
    [[ -e $root/var/lib/jarvis-node-agent/credential.json ]] ||
        echo "The node's credential is still to come: 'jarvis-node enroll', or this again with --credential FILE."
    [[ -n $root ]] || echo "'jarvis-node status' says what the LED says."
}

die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

main "$@"
