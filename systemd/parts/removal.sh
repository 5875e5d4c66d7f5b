# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# Removes folders, users and groups. Sourced by uninstall.sh, and a part of the package's postrm.

# number_of FILE NAME prints the number of a user (from etc/passwd, or on this system from wherever it has users) or of a
# group (from etc/group).
number_of() {
    if [[ -z $root ]]; then
        { getent "$1" "$2" || true; } | cut -d: -f3
    elif [[ -e $root/etc/$1 ]]; then
        awk -F: -v name="$2" '$1 == name { print $3 }' "$root/etc/$1"
    fi
}

# What a folder holds, wherever it is: it may be a link or a mount point, which stays.
remove_folder() {
    [[ -d $1 ]] || return 0
    find "$1/" -xdev -mindepth 1 -delete || say "Not all of $1 could be removed."
    if [[ -L $1 ]]; then
        rm -f "$1"
    else
        rmdir "$1" 2>/dev/null || true
    fi
}

# First out of the group gpio: userdel, cut short, would leave the name there for good.
remove_user() {
    if [[ -n $(number_of passwd "$1") ]]; then
        usermod ${root:+--prefix "$root"} -G '' "$1" || true
        userdel ${root:+--prefix "$root"} "$1" || say "The user $1 could not be removed."
    fi
    if [[ -n $(number_of group "$1") ]]; then
        groupdel ${root:+--prefix "$root"} "$1" || say "The group $1 could not be removed."
    fi
}
