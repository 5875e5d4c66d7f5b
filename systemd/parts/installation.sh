# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154,SC2034
# What install.sh and uninstall.sh share: the names of what is installed, and how a file gets to its place.
# Both set `root`: where another board's card is mounted, or nothing for this system. The package has this file in
# /usr/lib/jarvis-node, for take_over.sh.

# shellcheck source-path=SCRIPTDIR source=removal.sh
source "${BASH_SOURCE[0]%/*}/removal.sh"

# Folders on the way to a file are for everybody; what is secret says so itself.
umask 022
# What is said must not stop the work: its reader may be gone, its disk full.
trap '' PIPE
trap 'exit 130' INT TERM HUP

readonly agent=jarvis-node-agent
readonly program_file=/usr/local/bin/jarvis-node
readonly unit_file=/etc/systemd/system/$agent.service
# They start update_command, on request; a person enables the path.
readonly update_path_file=/etc/systemd/system/$agent-update.path
readonly update_unit_file=/etc/systemd/system/$agent-update.service
# It sets the board up by a file on the boot partition, if there is one.
readonly first_boot_unit_file=/etc/systemd/system/$agent-first-boot.service
readonly sysusers_file=/etc/sysusers.d/$agent.conf
readonly tmpfiles_file=/etc/tmpfiles.d/$agent.conf
readonly rules_file=/etc/udev/rules.d/60-$agent.rules
readonly config_folder=/etc/$agent
readonly state_folder=/var/lib/$agent
# Where DynamicUser=yes, in a drop-in, lets systemd put that folder.
readonly private_state_folder=/var/lib/private/$agent
# Files become complete here, on the file system where they belong, in folders that only root can enter.
readonly staged_config=/etc/.$agent.new
readonly staged_state=/var/lib/.$agent.new

# The files that belong to root, each made beside its place first.
readonly placed_files=("$program_file" "$unit_file" "$update_path_file" "$update_unit_file"
    "$first_boot_unit_file" "$sysusers_file" "$tmpfiles_file" "$rules_file")

say() { printf '%s\n' "$*" 2>/dev/null || true; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2 || true
    exit 1
}

# Whether this system's own services are meant, and run.
is_live() { [[ -z $root && -d /run/systemd/system ]]; }

# systemctl for a unit file, on this system or on the card.
unit_files() { systemctl ${root:+"--root=$root"} --quiet "$@"; }

# place MODE FILE PATH replaces a file in one step, so that a power cut leaves the old or the new one. It also replaces
# a program that is running.
place() {
    stage "$@"
    mv -fT "$root$3.new" "$root$3"
}

stage() {
    install -D -T -m "$1" -o 0 -g 0 -- "$2" "$root$3.new"
    sync "$root$3.new"
}

# make_private FOLDER: one that only root can enter, in folders that are for everybody.
make_private() {
    mkdir -p "$(dirname "$1")"
    (umask 077 && mkdir -p "$1")
}

# Removes what an interrupted run has left; some of it can be secret.
remove_staged() {
    local file
    rm -rf "$root$staged_config" "$root$staged_state" "$root"{"$config_folder","$state_folder"}/.moving
    for file in "${placed_files[@]}"; do
        rm -f "$root$file.new"
    done
}

# Whether a file is our program, of any version and for any processor: by the first line of its help. The voice node may
# have a program of the same name.
is_our_program() { grep -qaF 'Proves this node to its Jarvis auth service' "$1" 2>/dev/null; }

# One installation at a time. The lock ends with the process.
lock_installation() {
    exec {installation_lock}<"$root/etc/systemd"
    flock -w 60 "$installation_lock" || die "Another installation is going on; try again when it is done."
}

need_tools() {
    local tool
    ((EUID == 0)) || die "This needs root: run it with sudo."
    for tool in "$@" awk cat chmod chown cmp cut find flock getent grep head install mv rm sed stat sync systemctl; do
        command -v "$tool" >/dev/null || die "There is no $tool here, without which this cannot be done."
    done
}

check_root() {
    [[ -d $root/etc/systemd ]] ||
        die "There is no $root/etc/systemd. With --root: is the root partition of the card mounted there?"
    [[ -n $root ]] || return 0
    [[ ! $root/ -ef / ]] || die "--root $root is this system itself: leave the option out."
    root=$(cd -- "$root" && pwd -P)
    local path
    for path in "${placed_files[@]}" "$config_folder/config.json" "$state_folder/credential.json" /etc/passwd /etc/group \
        /etc/jarvis-node/config.json /var/lib/jarvis-node/credential.json "$private_state_folder/credential.json" \
        /etc/systemd/system/multi-user.target.wants; do
        refuse_links "$(dirname "$path")"
    done
    refuse_links /etc/passwd
    refuse_links /etc/group
}

# The files of the package would be hidden by those of install.sh, and left behind by its removal.
refuse_package() {
    [[ ! -e $root/usr/lib/systemd/system/$agent.service ]] || die "The package jarvis-node is installed ${root:+on }$root${root:+, }" \
        "which apt upgrades and removes. To have this instead: sudo apt remove jarvis-node, which keeps the configuration" \
        "and the credential. Nothing was changed."
}

# Lets udev give the LEDs to the group gpio. Without udev the devices keep their groups, and all else works.
give_leds() {
    if ! { udevadm control --reload && timeout 60 udevadm trigger --settle --subsystem-match=gpio \
        --subsystem-match=leds; } 2>/dev/null; then
        say "There is no udev here. To use an LED of the kernel, the group gpio must be allowed to write to its files."
    fi
}

# refuse_links PATH: on a card a link may lead to a file of this system, which is not meant.
refuse_links() {
    local part at=$root parts
    [[ -n $root ]] || return 0
    IFS=/ read -r -d '' -a parts <<<"$1/" || true
    for part in "${parts[@]}"; do
        [[ -n ${part%$'\n'} ]] || continue
        at+=/$part
        [[ ! -L $at ]] || die "$at is a link. On a card it may lead to this system's files: do this on the board" \
            "itself, or replace the link. Nothing was changed."
    done
}
