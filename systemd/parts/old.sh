# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154,SC2034
# What version 0.1.0 has left on a board, for install.sh to move and for uninstall.sh to remove. Its unit was called
# jarvis-node.service, like that of the voice node of a Jarvis home, which may be on the same board and may have files in
# folders of the same names: so only files of these names are version 0.1.0's, and only if they are root's or its user's.

readonly old_user=jarvis-node
readonly old_unit=jarvis-node.service
readonly old_unit_file=/etc/systemd/system/$old_unit
readonly old_config_folder=/etc/jarvis-node
readonly old_state_folder=/var/lib/jarvis-node
readonly old_rules_file=/etc/udev/rules.d/60-jarvis-node.rules
readonly old_sysusers_file=/etc/sysusers.d/jarvis-node.conf
# Removed last: it shows that something is left to do, also where the voice node's installer has replaced our unit.
readonly old_tmpfiles_file=/etc/tmpfiles.d/jarvis-node.conf
readonly old_files=("$old_config_folder/"{config.json,app.key,ca.pem}
    "$old_state_folder/"{credential.json{,.new,.prev,.damaged},state.json,sts.key})

# The folders to remove if they are empty, the inner ones first.
old_folders=("$old_config_folder" "$old_state_folder")

is_old_installed() {
    is_old_unit "$root$old_unit_file" || grep -qsF "$old_config_folder/app.key" "$root$old_tmpfiles_file"
}

# is_old_unit UNIT: it starts our program, and its other lines are of version 0.1.0's unit. A program's name alone says
# nothing: the voice node may have a starter of the same name.
is_old_unit() {
    [[ -f $1 && ! -L $1 ]] &&
        grep -qE "^ExecStart *= *\"?[-@:+!]*\"?$program_file\"?( |\$)" "$1" &&
        grep -qE "^(Description *= *Jarvis node: proves this board|User *= *$old_user *\$)" "$1"
}

# The number of version 0.1.0's user. If the user was deleted, its folder still has it.
old_uid() {
    local uid
    uid=$(number_of passwd "$old_user")
    if [[ -z $uid && -d $root$old_state_folder ]]; then
        uid=$(stat -c %u "$root$old_state_folder")
        [[ -z $(awk -F: -v uid="$uid" '$3 == uid' "$root/etc/passwd") ]] || uid=''
    fi
    printf '%s' "$uid"
}

# is_old_file PATH: whether a file is version 0.1.0's by its owner, or says why not, in `not_old`. A link is followed
# only if root made it, or if it leads to a file of the user who made it: that user could have made it to have root read
# another's file.
is_old_file() {
    local path=$root$1 uid owner
    uid=$(old_uid)
    not_old="$path is not a file"
    [[ -f $path ]] || return 1
    owner=$(stat -L -c %u "$path")
    not_old="$path belongs to another user (number $owner)"
    if [[ -L $path ]]; then
        refuse_links "$1"
        not_old="$path is a link of another user to a file that is not that user's"
        [[ $(stat -c %u "$path") == 0 || $(stat -c %u "$path") == "$owner" ]] || return 1
    fi
    [[ $owner == 0 || $owner == "${uid:-0}" || $owner == "$(number_of passwd "$agent")" ]]
}

# Stops and removes the old unit if it is ours; the voice node's stays.
end_old_unit() {
    is_old_unit "$root$old_unit_file" || return 0
    if is_live; then
        unit_files disable --now "$old_unit"
    else
        unit_files disable "$old_unit"
    fi
    rm -f "$root$old_unit_file"
}

# Removes what was only version 0.1.0's: its folders if they are empty, and what says that it is installed.
remove_old_traces() {
    local folder left
    # What installations that were cut short have left: copies, of secrets too.
    rm -f "$root"{/etc/.jarvis-node.??????,/var/lib/.jarvis-node.??????}
    for folder in "${old_folders[@]}"; do
        if [[ -d $root$folder && ! -L $root$folder ]] && is_old_folder "$folder"; then
            rmdir --ignore-fail-on-non-empty "$root$folder"
        fi
        [[ $folder == "$old_config_folder" || $folder == "$old_state_folder" ]] || continue
        left=$(find "$root$folder/" -xdev ! -type d 2>/dev/null | head -n 20) || true
        [[ -z $left ]] || say "These files are not version 0.1.0's by name and owner, and stay:"$'\n'"$left"
    done
    rm -f "$root$old_rules_file" "$root$old_sysusers_file" "$root$old_tmpfiles_file"
}

is_old_folder() {
    local owner
    owner=$(stat -c %u "$root$1")
    [[ $owner == 0 || $owner == "$(old_uid)" ]]
}
