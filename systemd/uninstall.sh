#!/usr/bin/env bash
# Removes what install.sh has placed, on this board or with --root on the mounted card of another. Configuration,
# credential, keys and state stay for a later installation, unless --purge says otherwise.
[ -n "${BASH_SOURCE:-}" ] || { echo "Run this file itself, with bash: sudo systemd/uninstall.sh …" >&2 && exit 64; }
set -euo pipefail

unset CDPATH
here=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=parts/installation.sh
source "$here/parts/installation.sh"
# shellcheck source-path=SCRIPTDIR source=parts/old.sh
source "$here/parts/old.sh"

usage="Usage: systemd/uninstall.sh [OPTION…]
  --purge             remove configuration, credential, keys, state and user, too
  --root DIR          where the card is mounted, when it is not this system's own"

root='' purge=''

main() {
    read_arguments "$@"
    need_tools ${purge:+usermod userdel groupdel}
    check_root
    refuse_package
    lock_installation
    end_unit
    if is_old_installed; then
        end_old_unit
        # What says that it was installed stays with its files: a later installation moves them over.
        if [[ -n $purge ]]; then
            remove_old_secrets
            remove_old_traces
        else
            rm -f "$root$old_rules_file"
            say "The configuration and the secrets of version 0.1.0 stay: install.sh moves them over, --purge removes them."
        fi
    fi
    remove_staged
    local file
    for file in "${placed_files[@]}"; do
        if [[ -f $root$file && ! -L $root$file ]] && { [[ $file != "$program_file" ]] || is_our_program "$root$file"; }; then
            rm -f "$root$file"
        fi
    done
    [[ -z $purge ]] || remove_secrets
    if is_live; then
        systemctl daemon-reload || true
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
            [[ -n ${2:-} ]] || die "$1 wants a value. $usage"
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

# The unit may have been deleted by hand: then its daemon runs on, and it is enabled still.
end_unit() {
    if is_live; then
        systemctl --quiet stop "$agent-update.path" "$agent-first-boot.service" "$agent.service" 2>/dev/null || true
    fi
    [[ ! -f $root$update_path_file || -L $root$update_path_file ]] || unit_files disable "$agent-update.path"
    [[ ! -f $root$first_boot_unit_file || -L $root$first_boot_unit_file ]] || unit_files disable "$agent-first-boot.service"
    [[ ! -f $root$unit_file || -L $root$unit_file ]] || unit_files disable "$agent.service"
    rm -f "$root/etc/systemd/system/multi-user.target.wants/$agent"{.service,-first-boot.service,-update.path}
}

remove_secrets() {
    local folder
    for folder in "$config_folder" "$state_folder" "$private_state_folder"; do
        remove_folder "$root$folder"
    done
    remove_user "$agent"
}

remove_old_secrets() {
    local path
    for path in "${old_files[@]}"; do
        if is_old_file "$path"; then
            rm -f "$root$path"
        fi
    done
    # Its home tells it from another user of this name.
    if grep -qsE "^$old_user:([^:]*:){4}$old_state_folder:" "$root/etc/passwd"; then
        remove_user "$old_user"
    fi
}

say_what_stays() {
    local path
    say "Removed${root:+ from $root}."
    for path in "$config_folder" "$state_folder" "${placed_files[@]}" "$unit_file.d"; do
        [[ ! -e $root$path && ! -L $root$path ]] || say "$root$path stays."
    done
    [[ -n $purge || ! -e $root$state_folder ]] || say "--purge removes the configuration and the secrets, too."
}

main "$@"
