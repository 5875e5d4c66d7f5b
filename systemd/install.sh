#!/usr/bin/env bash
# Installs jarvis-node on this board, or with --root on the mounted card of another. Files that are not given stay as
# they are, so the same command with a newer PROGRAM is the upgrade; it moves version 0.1.0 over, too. It can be
# interrupted at any moment and then be run again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd)
# shellcheck source-path=SCRIPTDIR source=installation.sh
source "$here/installation.sh"
# shellcheck source-path=SCRIPTDIR source=move.sh
source "$here/move.sh"
# shellcheck source-path=SCRIPTDIR source=voice_node.sh
source "$here/voice_node.sh"
# shellcheck source-path=SCRIPTDIR source=credential.sh
source "$here/credential.sh"

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

main() {
    read_arguments "$@"
    check_arguments
    lock_installation
    remove_staged
    trap remove_staged EXIT
    local moving=''
    ! is_old_installed || moving=yes

    stage 0755 "$program" "$program_file"
    try_program
    [[ -z $config ]] || check_led "$config"

    place 0644 "$here/$agent.sysusers" "$sysusers_file"
    place 0644 "$here/$agent.tmpfiles" "$tmpfiles_file"
    systemd-sysusers ${root:+"--root=$root"} "$agent.conf"
    systemd-tmpfiles ${root:+"--root=$root"} --create "$agent.conf"
    [[ -z $moving ]] || copy_old_files
    place_config_files
    place 0644 "$here/60-$agent.rules" "$rules_file"
    place 0644 "$here/$agent.service" "$unit_file"
    # Their names must be on the card before the program that needs them.
    sync "$root$config_folder" "$root$state_folder"
    unit_files enable "$agent.service"
    mv -fT "$root$program_file.new" "$root$program_file"

    if [[ -n $moving ]]; then
        end_old_unit
        # What the old daemon has written since.
        copy_old_files
        sync "$root$config_folder" "$root$state_folder"
        remove_old_files
    fi
    [[ -z $credential ]] || install_credential
    ! is_live || start_anew
    say_what_is_left
    [[ -z $trouble ]] || die "$trouble"
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
}

check_arguments() {
    local file tool
    [[ -n $program ]] || die "$usage"
    for file in "$program" "$config" "$app_key" "$credential" "$ca"; do
        [[ -z $file || -f $file ]] || die "There is no file $file."
    done
    check_root
    for tool in systemctl systemd-sysusers systemd-tmpfiles flock; do
        command -v "$tool" >/dev/null || die "There is no $tool here, without which nothing can be installed."
    done
    # A link was made by somebody else: for example /dev/null, which masks a unit.
    for file in "${placed_files[@]}" "$config_folder/"{config.json,ca.pem,app.key}; do
        [[ ! -L $root$file ]] || die "$root$file is a link, which this does not replace: remove it first."
    done
}

# Tries the program before it replaces the one that works: a program for another processor, a cut download. Making a key
# takes its cryptography, too.
try_program() {
    local new=$root$program_file.new said status=0
    case $(head -c 4 "$new" | tr -d '\0') in
    $'\x7fELF' | '#!'*) ;;
    *) die "$program is not a program: pi-zero/build.sh makes one. Nothing was changed." ;;
    esac
    make_private "$root$staged_state"
    said=$({ "$new" --version && "$new" keygen --out "$root$staged_state/trial.key"; } 2>&1) || status=$?
    rm -f "$root$staged_state/trial.key"
    if [[ $status == 0 && $said == jarvis-node\ * ]]; then
        return
    elif [[ -n $root && $status == 126 && $(processor_of "$new") != "$(processor_of /proc/self/exe)" ]]; then
        echo "The program could not be tried on this machine ($(uname -m)): ${said##*: }."
        return
    fi
    rm -f "$new"
    case $status in
    0) die "$program is not jarvis-node: to --version it says ${said%%$'\n'*}. Nothing was changed." ;;
    126) die "$program cannot be run here (this processor: $(uname -m)): ${said##*: }. Nothing was changed." ;;
    127) die "$program needs a library that this system lacks; pi-zero/build.sh makes one that needs none. Nothing was changed." ;;
    132) die "$program has instructions that this processor lacks; pi-zero/build.sh makes one for every Pi. Nothing was changed." ;;
    *) die "$program does not work here (exit status $status). Nothing was changed. $said" ;;
    esac
}

# processor_of PROGRAM prints what an ELF file says of the processor it is for: width, byte order and machine.
processor_of() { od -An -v -tx1 -j4 -N2 "$1" && od -An -v -tx1 -j18 -N2 "$1"; }

place_config_files() {
    local owner
    owner=$(number_of passwd "$agent"):$(number_of group "$agent")
    if [[ -z $config && ! -e $root$config_folder/config.json ]]; then
        config=$here/config.example.json
    fi
    [[ -z $config ]] || place_config_file 0644 0:0 "$config" config.json
    [[ -z $ca ]] || place_config_file 0644 0:0 "$ca" ca.pem
    # The program refuses a secret that another user owns or can read. On a card the owner's number is that of the
    # card's system.
    [[ -z $app_key ]] || place_config_file 0600 "$owner" "$app_key" app.key
}

# place_config_file MODE OWNER FILE NAME
place_config_file() {
    local staged=$root$staged_config/$4
    make_private "$root$staged_config"
    (umask 077 && cat "$3" >"$staged")
    if [[ $4 == config.json ]]; then
        adapt_config "$staged"
    fi
    chmod "$1" "$staged"
    chown "$2" "$staged"
    sync "$staged"
    mv -fT "$staged" "$root$config_folder/$4"
}

# A configuration may be of the time of version 0.1.0, or be written for a board without a voice node.
adapt_config() {
    rewrite_paths "$1"
    leave_led_alone "$1"
}

start_anew() {
    systemctl daemon-reload
    # Without udev the devices keep their groups, and all else works.
    if ! { udevadm control --reload && timeout 60 udevadm trigger --settle --subsystem-match=gpio \
        --subsystem-match=leds; } 2>/dev/null; then
        echo "There is no udev here. To use an LED, the group gpio must be allowed to write to its device."
    fi
    systemctl restart "$agent.service"
}

say_what_is_left() {
    printf 'Installed%s.\n' "${root:+ on $root}"
    [[ -z $moving ]] || say_what_was_moved
    say_voice_node
    if [[ $config == "$here/config.example.json" ]]; then
        echo "Now fill in $root$config_folder/config.json."
    fi
    # A node that asks the command center has no app key.
    [[ -e $root$config_folder/app.key ]] || grep -q '"via"' "$root$config_folder/config.json" ||
        echo "The app key is still to come: run this again with --app-key FILE."
    has_credential ||
        echo "The node's credential is still to come: 'jarvis-node enroll', or this again with --credential FILE."
    ! is_live || echo "'jarvis-node status' says what the LED says."
}

main "$@"
