#!/usr/bin/env bash
# Installs jarvis-node on this board, or with --root on the mounted card of another. Files that are not given stay as
# they are, so the same command with a newer PROGRAM is the upgrade; it moves version 0.1.0 over, too. It can be
# interrupted at any moment and then be run again.
[ -n "${BASH_SOURCE:-}" ] || { echo "Run this file itself, with bash: sudo systemd/install.sh …" >&2 && exit 64; }
set -euo pipefail

unset CDPATH
here=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=parts/installation.sh
source "$here/parts/installation.sh"
# shellcheck source-path=SCRIPTDIR source=parts/program.sh
source "$here/parts/program.sh"
# shellcheck source-path=SCRIPTDIR source=parts/old.sh
source "$here/parts/old.sh"
# shellcheck source-path=SCRIPTDIR source=parts/move.sh
source "$here/parts/move.sh"
# shellcheck source-path=SCRIPTDIR source=parts/voice_node.sh
source "$here/parts/voice_node.sh"
# shellcheck source-path=SCRIPTDIR source=parts/credential.sh
source "$here/parts/credential.sh"

usage="Usage: systemd/install.sh [OPTION…] PROGRAM
  PROGRAM             what pi-zero/build.sh made: target/pi-zero/jarvis-node
  --config FILE       its configuration; without one, an example to be filled in
  --app-key FILE      the app key
  --credential FILE   the node's credential; it is proven before it replaces another one
  --ca FILE           the certificate authority, for \"ca_file\": \"$config_folder/ca.pem\"
  --share-led         take the LED of this configuration even if the voice node on this board uses it
  --root DIR          where the card is mounted, when it is not this system's own"

root='' config='' app_key='' credential='' ca='' program='' share_led=''
# What went wrong without being a reason to stop.
trouble=''
# The given files are read once, to here.
readonly given=$staged_config/given

main() {
    read_arguments "$@"
    need_tools cp mkdir od realpath tail touch tr systemd-sysusers systemd-tmpfiles timeout
    check_root
    refuse_package
    check_places
    lock_installation
    remove_staged
    trap end EXIT
    take_given
    stage 0755 "$program" "$program_file"
    try_program
    judge_given
    find_voice_node
    local moving=''
    if is_old_installed; then
        moving=yes
        plan_move
    fi
    local disabled=''
    ! is_disabled || disabled=yes
    [[ -z $config ]] || adapt_config "$root$given/config.json" "$root$given/config.json"

    place 0644 "$here/$agent.sysusers" "$sysusers_file"
    place 0644 "$here/$agent.tmpfiles" "$tmpfiles_file"
    systemd-sysusers ${root:+"--root=$root"} "$agent.conf"
    systemd-tmpfiles ${root:+"--root=$root"} --create "$agent.conf"
    [[ -z $moving ]] || copy_old_files
    place_config_files
    place 0644 "$here/60-$agent.rules" "$rules_file"
    place 0644 "$here/$agent-update.path" "$update_path_file"
    place 0644 "$here/$agent-update.service" "$update_unit_file"
    place 0644 "$here/$agent-first-boot.service" "$first_boot_unit_file"
    place 0644 "$here/$agent.service" "$unit_file"
    # Their names must be on the card before the program that needs them.
    sync "$root$config_folder" "$root$state_folder"
    [[ -n $disabled ]] || unit_files enable "$agent.service" "$agent-first-boot.service"
    mv -fT "$root$program_file.new" "$root$program_file"
    [[ -z $runner ]] || runner=$root$program_file

    [[ -z $moving ]] || end_old_unit
    read_settings "$root$config_folder/config.json" || trouble=$unusable
    [[ -z $credential ]] || install_credential
    [[ -z $moving ]] || remove_old_files
    ! is_live || start_anew
    say_what_is_left
    [[ -z $trouble ]] || die "$trouble"
}

# The end, however it comes.
end() {
    local status=$?
    remove_staged
    restart_old_unit
    exit "$status"
}

read_arguments() {
    while (($#)); do
        case $1 in
        --root | --config | --app-key | --credential | --ca)
            [[ -n ${2:-} ]] || die "$1 wants a value. $usage"
            local name=${1#--}
            printf -v "${name//-/_}" %s "$2"
            shift 2
            ;;
        --share-led)
            share_led=yes
            shift
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
    [[ -n $program ]] || die "$usage"
}

# What is in our places, but not ours, was made by somebody else: for example a link to /dev/null, which masks a unit.
check_places() {
    local path files=("${placed_files[@]}")
    [[ -z $config ]] || files+=("$config_folder/config.json")
    [[ -z $app_key ]] || files+=("$config_folder/app.key")
    [[ -z $ca ]] || files+=("$config_folder/ca.pem")
    for path in "${files[@]}"; do
        [[ ! -L $root$path ]] || die "$root$path is a link, which this does not replace. Nothing was changed."
        [[ ! -e $root$path || -f $root$path ]] ||
            die "$root$path is in the place of a file of this program: move it away. Nothing was changed."
    done
    for path in "${placed_files[@]}"; do
        [[ ! -d $root$path.new ]] ||
            die "$root$path.new is in the place of a file of this program: move it away. Nothing was changed."
    done
    for path in "$config_folder" "$state_folder"; do
        if [[ $(readlink "$root$path") == *private/* ]]; then
            die "$root$path is a link, as DynamicUser=yes makes it: take that out of the unit's drop-ins, and move the" \
                "folder back. Nothing was changed."
        fi
        [[ ! -L $root$path ]] || die "$root$path is a link, where a folder of this program belongs: replace it by the" \
            "folder, which can be a mount point. Nothing was changed."
        [[ ! -e $root$path || -d $root$path ]] ||
            die "$root$path is in the place of a folder of this program: move it away. Nothing was changed."
    done
    [[ ! -e $root$program_file ]] || is_our_program "$root$program_file" ||
        die "$root$program_file is not this program: the voice node may need it. Nothing was changed."
}

# Reads the given files: one may be a pipe, or a file of version 0.1.0, which is removed on the way.
take_given() {
    make_private "$root$given"
    take "$config" config.json
    take "$app_key" app.key
    take "$ca" ca.pem
    take "$credential" credential.json
    [[ -f $program ]] || die "There is no program $program. Nothing was changed."
}

# take FILE NAME
take() {
    [[ -n $1 ]] || return 0
    [[ -e $1 ]] || die "There is no file $1. Nothing was changed."
    [[ ! -d $1 ]] || die "$1 is a folder, not a file. Nothing was changed."
    (umask 077 && head -c 1048577 -- "$1" >"$root$given/$2") ||
        die "$1 could not be read, or not be copied to $root$given. Nothing was changed."
    (($(stat -c %s "$root$given/$2") <= 1048576)) || die "$1 is larger than 1 MiB. Nothing was changed."
}

# A node that a person has disabled stays so. The program gets to its place after the unit is enabled, so an installation
# that was cut short is not taken for one.
is_disabled() {
    [[ -z $moving && -f $root$unit_file && -f $root$program_file ]] &&
        [[ $(systemctl ${root:+"--root=$root"} is-enabled "$agent.service") == disabled ]]
}

place_config_files() {
    local owner
    owner=$(number_of passwd "$agent"):$(number_of group "$agent")
    if [[ -z $config && ! -e $root$config_folder/config.json ]]; then
        config=$here/config.example.json
        (umask 077 && cat "$config" >"$root$given/config.json")
    fi
    [[ -z $config ]] || place_config_file 0644 0:0 config.json
    [[ -z $ca ]] || place_config_file 0644 0:0 ca.pem
    # The program refuses a secret that another user owns or can read. On a card the owner's number is that of the
    # card's system.
    [[ -z $app_key ]] || place_config_file 0600 "$owner" app.key
}

# place_config_file MODE OWNER NAME
place_config_file() {
    chmod "$1" "$root$given/$3"
    chown "$2" "$root$given/$3"
    sync "$root$given/$3"
    mv -fT "$root$given/$3" "$root$config_folder/$3"
}

start_anew() {
    systemctl daemon-reload || true
    give_leds
    systemctl "${disabled:+try-}restart" "$agent.service" ||
        trouble+="${trouble:+ }$agent.service does not start: see 'systemctl status $agent'."
}

say_what_is_left() {
    say "Installed${root:+ on $root}."
    [[ -z $moving ]] || say "Version 0.1.0 was moved over: the unit is $agent.service now, its user $agent."
    [[ -z $disabled ]] || say "$agent.service is disabled, and stays so: sudo systemctl enable --now $agent"
    say_voice_node
    if [[ $config == "$here/config.example.json" ]]; then
        say "Now fill in $root$config_folder/config.json."
    fi
    if [[ -n ${settings[credential_file]:-} ]]; then
        if [[ ${settings[app_key_file]:-} == "$config_folder/app.key" ]] && ! is_there "$config_folder/app.key"; then
            say "The app key is still to come: run this again with --app-key FILE."
        elif [[ -n ${settings[app_key_file]:-} ]] && ! is_there "${settings[app_key_file]}"; then
            say "The app key is still to come: put it at $root${settings[app_key_file]}, as the daemon's user's alone."
        fi
        has_credential ||
            say "The node's credential is still to come: 'jarvis-node enroll', or this again with --credential FILE."
        say_what_is_old_users
    fi
    ! is_live || say "'jarvis-node status' says what the LED says."
}

main "$@"
