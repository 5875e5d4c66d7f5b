#!/usr/bin/env bash
# Removes what install.sh has placed, on this board or with --root on the mounted card of another. Configuration,
# credential, keys and state stay for a later installation, unless --purge says otherwise.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" >/dev/null && pwd)
# shellcheck source-path=SCRIPTDIR source=installation.sh
source "$here/installation.sh"
# shellcheck source-path=SCRIPTDIR source=move.sh
source "$here/move.sh"

usage="Usage: systemd/uninstall.sh [OPTION…]
  --purge             remove configuration, credential, keys, state and user, too
  --root DIR          where the card is mounted, when it is not this system's own"

root='' purge=''

main() {
    read_arguments "$@"
    check_root
    lock_installation
    end_unit
    if is_old_installed; then
        end_old_unit
        rm -f "$root$old_rules_file" "$root$old_sysusers_file"
        [[ -z $purge ]] || remove_old_secrets
        rm -f "$root$old_tmpfiles_file"
    fi
    remove_staged
    local file
    for file in "${placed_files[@]}"; do
        rm -f "$root$file"
    done
    [[ -z $purge ]] || remove_secrets
    if is_live; then
        systemctl daemon-reload
        udevadm control --reload 2>/dev/null || true
    fi
    say_what_stays
}

read_arguments() {
    while (($#)); do
        case $1 in
        --purge)
            purge=yes
            shift
            ;;
        --root)
            (($# > 1)) || die "$1 wants a value. $usage"
            root=$2
            shift 2
            ;;
        -h | --help)
            printf '%s\n' "$usage"
            exit 0
            ;;
        *) die "$1 is not understood. $usage" ;;
        esac
    done
}

end_unit() {
    [[ -e $root$unit_file ]] || return 0
    if is_live; then
        unit_files disable --now "$agent.service"
    else
        unit_files disable "$agent.service"
    fi
}

remove_secrets() {
    rm -rf "$root$config_folder" "$root$state_folder"
    if [[ -n $(number_of passwd "$agent") ]]; then
        # First out of the group gpio: userdel, cut short, would leave the name there for good.
        usermod ${root:+--prefix "$root"} -G '' "$agent" || true
        userdel ${root:+--prefix "$root"} "$agent" || echo "The user $agent could not be removed."
    fi
    if [[ -n $(number_of group "$agent") ]]; then
        groupdel ${root:+--prefix "$root"} "$agent" || echo "The group $agent could not be removed."
    fi
}

remove_old_secrets() {
    local name
    while IFS= read -r -d '' name; do
        rm -f "$root$old_state_folder/$name"
    done < <(old_state_files)
    rm -rf "$root$old_config_folder"
    [[ ! -d $root$old_state_folder ]] || find "$root$old_state_folder" -maxdepth 0 -empty -delete
}

say_what_stays() {
    local path
    echo "Removed${root:+ from $root}."
    for path in "$config_folder" "$state_folder" "$unit_file.d"; do
        [[ ! -e $root$path ]] || echo "$root$path stays."
    done
    [[ -n $purge || ! -e $root$state_folder ]] || echo "--purge removes the configuration and the secrets, too."
}

main "$@"
