# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154,SC2034
# What install.sh and uninstall.sh share: the names of what is installed, and how a file gets to its place.
# Both set `root`: where another board's card is mounted, or nothing for this system.

# Folders on the way to a file are for everybody; what is secret says so itself.
umask 022

readonly agent=jarvis-node-agent
readonly program_file=/usr/local/bin/jarvis-node
readonly unit_file=/etc/systemd/system/$agent.service
readonly sysusers_file=/etc/sysusers.d/$agent.conf
readonly tmpfiles_file=/etc/tmpfiles.d/$agent.conf
readonly rules_file=/etc/udev/rules.d/60-$agent.rules
readonly config_folder=/etc/$agent
readonly state_folder=/var/lib/$agent
# Files become complete here, on the file system where they belong, in folders that only root can enter.
readonly staged_config=/etc/.$agent.new
readonly staged_state=/var/lib/.$agent.new

# The configuration for a program that is run on another system than the card's.
readonly rooted_config=$config_folder/.config.json.card

# The files that belong to root, each made beside its place first.
readonly placed_files=("$program_file" "$unit_file" "$sysusers_file" "$tmpfiles_file" "$rules_file")

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
    install -D -T -m "$1" -o 0 -g 0 "$2" "$root$3.new"
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
    rm -rf "$root$staged_config" "$root$staged_state" "$root$rooted_config"
    for file in "${placed_files[@]}"; do
        rm -f "$root$file.new"
    done
}

# runs_our_program UNIT: whether a unit is one of ours. The voice node's has the same name as that of our version 0.1.0.
runs_our_program() {
    [[ -f $1 && ! -L $1 ]] && grep -qE "^ExecStart=[-@:+!]*$program_file( |\$)" "$1"
}

# number_of FILE NAME prints the number of a user (from etc/passwd) or of a group (from etc/group).
number_of() { [[ ! -e $root/etc/$1 ]] || awk -F: -v name="$2" '$1 == name { print $3 }' "$root/etc/$1"; }

# One installation at a time. The lock ends with the process.
lock_installation() {
    exec {installation_lock}<"$root/etc/systemd"
    flock -w 60 "$installation_lock" || die "Another installation is going on; try again when it is done."
}

check_root() {
    root=${root%/}
    ((EUID == 0)) || die "This needs root: run it with sudo."
    [[ -d $root/etc/systemd ]] ||
        die "There is no $root/etc/systemd. With --root: is the root partition of the card mounted there?"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
