# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# Moves an installation of version 0.1.0 over to names of our own. Its unit was called jarvis-node.service, like that of
# the voice node of a Jarvis home, which may be on the same board.
#
# First everything is copied to its new place, then the new unit is enabled and the program replaced, and only then the
# old unit and the old files are removed. So at every moment a unit is enabled whose program, configuration and
# credential belong together, and whatever an interrupted run has left undone, the next one does.

readonly old_user=jarvis-node
readonly old_unit=jarvis-node.service
readonly old_unit_file=/etc/systemd/system/$old_unit
readonly old_config_folder=/etc/jarvis-node
readonly old_state_folder=/var/lib/jarvis-node
readonly old_rules_file=/etc/udev/rules.d/60-jarvis-node.rules
readonly old_sysusers_file=/etc/sysusers.d/jarvis-node.conf
# Removed last: it shows that something is left to do, also where the voice node's installer has replaced our unit.
readonly old_tmpfiles_file=/etc/tmpfiles.d/jarvis-node.conf

is_old_installed() {
    runs_our_program "$root$old_unit_file" || grep -qsF "$old_config_folder/app.key" "$root$old_tmpfiles_file" ||
        grep -qs '"credential_file"' "$root$old_config_folder/config.json"
}

# Copies the configuration and all that is beside it, and the daemon's own files, with the times they have: the store
# compares its credential's. Of a file that is at its new place already, the newer one counts.
copy_old_files() {
    local name
    while IFS= read -r -d '' name; do
        mkdir -p "$root$config_folder/$name"
        chmod --reference="$root$old_config_folder/$name" "$root$config_folder/$name"
    done < <(find "$root$old_config_folder" -xdev -mindepth 1 -type d -printf '%P\0' 2>/dev/null)
    while IFS= read -r -d '' name; do
        copy_old "$old_config_folder" "$config_folder" "$staged_config" "$name"
    done < <(old_config_files)
    while IFS= read -r -d '' name; do
        copy_old "$old_state_folder" "$state_folder" "$staged_state" "$name"
    done < <(old_state_files)
}

# copy_old FROM TO STAGED NAME
copy_old() {
    local from=$root$1/$4 to=$root$2/$4 staged=$root$3/moved
    if [[ -e $to || -L $to ]] && [[ ! $from -nt $to ]]; then
        return
    fi
    make_private "$root$3"
    rm -rf "$staged"
    cp -a -T "$from" "$staged"
    give_to_new_user "$staged"
    if [[ ! -L $staged ]]; then
        [[ $1/$4 != "$old_config_folder/config.json" ]] || adapt_config "$staged"
        sync "$staged"
    fi
    mv -fT "$staged" "$to"
}

old_config_files() {
    [[ ! -d $root$old_config_folder ]] ||
        find "$root$old_config_folder" -xdev \( -type f -o -type l \) ! -name '*.new' -printf '%P\0'
}

# The folder has the name of one that the voice node uses, so only the files of our user are ours, and those that the
# configuration names. No links: that user could have made them.
old_state_files() {
    local file uid
    uid=$(number_of passwd "$old_user")
    for file in "$root$old_state_folder"/*; do
        [[ -f $file && ! -L $file ]] || continue
        if [[ $(stat -c %u "$file") == "$uid" ]] || names_file "$old_state_folder/${file##*/}"; then
            printf '%s\0' "${file##*/}"
        fi
    done
}

names_file() {
    [[ -f $root$old_config_folder/config.json ]] &&
        sed 's|\\/|/|g' "$root$old_config_folder/config.json" | grep -F "\"$1\"" >/dev/null
}

give_to_new_user() {
    local uid gid
    uid=$(stat -c %u "$1") gid=$(stat -c %g "$1")
    [[ $uid != "$(number_of passwd "$old_user")" ]] || uid=$(number_of passwd "$agent")
    [[ $gid != "$(number_of group "$old_user")" ]] || gid=$(number_of group "$agent")
    chown -h "$uid:$gid" "$1"
}

# rewrite_paths FILE: in a configuration, the folders of version 0.1.0 become ours. A slash may be written as \/.
rewrite_paths() {
    LC_ALL=C sed -E 's#"(\\?/)(etc|run|var\\?/lib)(\\?/)jarvis-node(\\?/)#"\1\2\3jarvis-node-agent\4#g' "$1" >"$1.paths"
    if ! cmp -s "$1" "$1.paths"; then
        chmod --reference="$1" "$1.paths"
        chown --reference="$1" "$1.paths"
        touch -r "$1" "$1.paths"
        mv -fT "$1.paths" "$1"
    fi
    rm -f "$1.paths"
}

# Stops and removes the old unit if it is ours; the voice node's stays.
end_old_unit() {
    runs_our_program "$root$old_unit_file" || return 0
    if is_live; then
        unit_files disable --now "$old_unit"
    else
        unit_files disable "$old_unit"
    fi
    old_start=$(grep '^ExecStart=' "$root$old_unit_file")
    rm "$root$old_unit_file"
    if [[ -d $root$old_unit_file.d ]]; then
        old_drop_ins=$(find "$root$old_unit_file.d" -type f -name '*.conf')
    fi
}

# Removes an old file only if there is one of its name at the new place. The configuration goes after the files that it
# names.
remove_old_files() {
    local name
    while IFS= read -r -d '' name; do
        [[ ! -e $root$state_folder/$name ]] || rm -f "$root$old_state_folder/$name"
    done < <(old_state_files)
    while IFS= read -r -d '' name; do
        [[ ! -e $root$config_folder/$name && ! -L $root$config_folder/$name ]] || rm -f "$root$old_config_folder/$name"
    done < <(old_config_files)
    # What installations that were cut short have left: copies, of secrets too.
    rm -f "$root"{"$old_config_folder"/*.new,/etc/.jarvis-node.??????,/var/lib/.jarvis-node.??????}
    [[ ! -d $root$old_config_folder ]] || find "$root$old_config_folder" -xdev -type d -empty -delete
    [[ ! -d $root$old_state_folder ]] || find "$root$old_state_folder" -maxdepth 0 -empty -delete
    rm -f "$root$old_rules_file" "$root$old_sysusers_file" "$root$old_tmpfiles_file"
}

say_what_was_moved() {
    local path uid
    echo "The installation of version 0.1.0 was moved over: the unit is $agent.service now, its user $agent."
    if [[ ${old_start:-ExecStart=$program_file run} != "ExecStart=$program_file run" ]]; then
        echo "The old unit had $old_start. If that shall still hold, put it into a drop-in: systemctl edit $agent"
    fi
    if [[ -n ${old_drop_ins:-} ]]; then
        printf 'Its drop-ins were not moved. What shall still hold belongs into %s.d:\n%s\n' "$unit_file" "$old_drop_ins"
    fi
    for path in "$root$old_config_folder" "$root$old_state_folder"; do
        [[ ! -d $path ]] || echo "Files in $path that are not this program's stay there."
    done
    uid=$(number_of passwd "$old_user")
    [[ -n $uid ]] || return 0
    while IFS= read -r path; do
        if [[ -e $root$path && $(stat -c %u "$root$path") == "$uid" ]]; then
            echo "$root$path belongs to the old user: chown $agent: $root$path"
        fi
    done < <(grep -oE '"/[^"]+"' "$root$config_folder/config.json" | tr -d '"')
    if grep -qE '"socket"' "$root$config_folder/config.json"; then
        echo "Programs that ask for tokens find the socket in /run/$agent now, by \$JARVIS_NODE_SOCKET or --socket."
    fi
    echo "The user $old_user is not used any more: userdel $old_user, if no program of yours needs it."
}
