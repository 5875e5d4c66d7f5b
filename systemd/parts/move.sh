# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# Moves an installation of version 0.1.0 over to names of our own. Sourced by install.sh.
#
# First everything is copied to its new place, then the new unit is enabled and the program replaced, and only then the
# old unit and the old files are removed. So at every moment a unit is enabled whose program, configuration and
# credential belong together, and whatever an interrupted run has left undone, the next one does. What is at its new
# place already is never replaced: if it differs from the old file, a person decides.

readonly old_config_file=$old_config_folder/config.json
# The files to move, each from and to, and the paths that the configuration keeps since their files stay.
move_from=() move_to=() kept=()
# By the number of a file to move: whether it may be removed, since it is at its new place or a given one counts.
declare -A replaced=()
old_unit_stopped=''
# The configuration that the new unit gets.
moved_config=''

# Decides about every file, and stops if a person has to, before anything is changed.
plan_move() {
    local source=$root$old_config_file from to path conflicts=()
    [[ -n $runner ]] || die "Version 0.1.0 is on this card, and the program that moves it cannot be run on this machine:" \
        "run this on the board itself. Nothing was changed."
    check_old_unit
    [[ -z $config ]] || source=$root$given/config.json
    [[ -e $source ]] || source=$root$config_folder/config.json
    moved_config=$root$staged_config/moved.json
    [[ ! -e $source ]] || adapt_config "$source" "$moved_config" >/dev/null
    for from in "${old_files[@]}"; do
        plan_file "$from"
    done
    for path in "${settings[@]}"; do
        [[ $path != "$config_folder"/* ]] || plan_file "$old_config_folder/${path#"$config_folder/"}"
        [[ $path != "$state_folder"/* ]] || plan_file "$old_state_folder/${path#"$state_folder/"}"
        refuse_links "$path"
    done
    if [[ ${settings[credential_file]:-} == "$state_folder"/* ]]; then
        for path in .new .prev .damaged; do
            plan_file "$old_state_folder/${settings[credential_file]#"$state_folder/"}$path"
        done
    fi
    # Once more, since it is known now what stays.
    [[ ! -e $source ]] || adapt_config "$source" "$moved_config"
    for path in "${!move_from[@]}"; do
        from=${move_from[path]} to=${move_to[path]}
        is_decided "$from" "$to" || conflicts+=("$root$from and $root$to differ. To have the first one:" \
            "    sudo mv $(printf %q "$root$to") $(printf %q "$root$to.unused")" "To have the second one:" \
            "    sudo mv $(printf %q "$root$from") $(printf %q "$root$from.unused")")
    done
    ((${#conflicts[@]} == 0)) || die "Version 0.1.0 and the present one are both on this board, and only you can say" \
        "which of these files count:"$'\n'"$(printf '%s\n' "${conflicts[@]}")"$'\n'"Then run this again. Nothing was changed."
    say_what_moves
}

# The unit may name another configuration, which only a person can bring to where the new one looks.
check_old_unit() {
    # How a person gives it, which the sourcing script may know better.
    local other
    is_old_unit "$root$old_unit_file" && [[ -z $config ]] || return 0
    other=$(grep -hsE '^[^#;].*(JARVIS_NODE_CONFIG|--config)' "$root$old_unit_file" "$root$old_unit_file.d"/*.conf |
        grep -vE -- "(JARVIS_NODE_CONFIG=|--config[= ])${old_config_file}[\"']?\$") || true
    [[ -z $other ]] || die "The unit of version 0.1.0 has a configuration of its own ($other): ${give_config:-give it with --config}," \
        "since the new unit reads $config_folder/config.json. Nothing was changed."
}

# plan_file PATH, which is version 0.1.0's by name
plan_file() {
    local from=$1 to
    to=$config_folder/${from#"$old_config_folder/"}
    [[ $from == "$old_config_folder"/* ]] || to=$state_folder/${from#"$old_state_folder/"}
    [[ -e $root$from || -L $root$from ]] || return 0
    [[ " ${move_from[*]} ${kept[*]} " != *" $from "* ]] || return 0
    refuse_links "$from"
    refuse_links "$to"
    if is_old_file "$from" || [[ $from == "$old_config_file" && -f $root$from ]]; then
        move_from+=("$from") move_to+=("$to")
    else
        kept+=("$from")
        say "$not_old: it stays, and a configuration that names it goes on doing so."
    fi
}

# is_given PATH: whether a given file counts, whatever is at this place and at the old one.
is_given() {
    case $1 in
    "$config_folder/config.json") [[ -n $config ]] ;;
    "$config_folder/app.key") [[ -n $app_key ]] ;;
    "$config_folder/ca.pem") [[ -n $ca ]] ;;
    *) false ;;
    esac
}

# is_decided FROM TO: whether no person has to decide. A given file wins over both, a credential by the store's proof. The
# state is made anew by itself.
is_decided() {
    is_given "$2" || [[ $2 == "${settings[state_file]:-$state_folder/state.json}" ]] ||
        [[ $2 == "${settings[credential_file]:-$state_folder/credential.json}"* && -n $credential ]] ||
        [[ ! -e $root$2 && ! -L $root$2 ]] || cmp -s "$(what_moves "$1")" "$root$2"
}

# what_moves FROM: the file whose content gets to the new place.
what_moves() {
    if [[ $1 == "$old_config_file" ]]; then
        printf '%s' "$moved_config"
    else
        printf '%s' "$root$1"
    fi
}

copy_old_files() {
    local number from to
    # Neither daemon writes while its files are copied.
    if is_live; then
        systemctl --quiet stop "$agent.service" 2>/dev/null || true
        if is_old_unit "$old_unit_file"; then
            old_unit_stopped=yes
            systemctl --quiet stop "$old_unit"
        fi
    fi
    for number in "${!move_from[@]}"; do
        from=${move_from[number]} to=${move_to[number]}
        if [[ -e $root$to ]] && cmp -s "$(what_moves "$from")" "$root$to"; then
            replaced[$number]=yes
        elif is_given "$to"; then
            replaced[$number]=yes
        elif [[ ! -e $root$to ]]; then
            copy_old "$from" "$to"
            replaced[$number]=yes
        fi
    done
    sync "$root$config_folder" "$root$state_folder"
}

# copy_old FROM TO: with the times, which the store compares. Beside its new place first, which can be a mount point, and
# compared there.
copy_old() {
    local to=$root$2 source folder staged
    source=$(what_moves "$1")
    folder=$config_folder
    [[ $2 == "$config_folder"/* ]] || folder=$state_folder
    staged=$root$folder/.moving
    (umask 077 && mkdir -p "$staged")
    make_folders_like "$(dirname "$1")" "$(dirname "$2")"
    { cp -L --preserve=mode,timestamps -T -- "$source" "$staged/file" && cmp -s "$source" "$staged/file"; } ||
        die "$root$1 could not be copied to $root$folder: is there room? It is still at its old place."
    if [[ $1 == "$old_config_file" ]]; then
        chmod 0644 "$staged/file"
    else
        give_to_new_user "$root$1" "$staged/file"
    fi
    sync "$staged/file"
    mv -fT "$staged/file" "$to"
    rmdir "$staged"
}

# make_folders_like FROM TO: the folders below ours, with the modes and owners of the old ones.
make_folders_like() {
    local from=$root$1 to=$root$2
    [[ ! -d $to ]] || return 0
    make_folders_like "$(dirname "$1")" "$(dirname "$2")"
    (umask 077 && mkdir "$to")
    give_to_new_user "$from" "$to"
    chmod --reference="$from" "$to"
}

# give_to_new_user LIKE PATH: with the owner of LIKE, but ours in the place of version 0.1.0's.
give_to_new_user() {
    local uid gid
    uid=$(stat -L -c %u "$1") gid=$(stat -L -c %g "$1")
    [[ $uid != "$(old_uid)" ]] || uid=$(number_of passwd "$agent") gid=$(number_of group "$agent")
    chown "$uid:$gid" "$2"
}

# An installation that breaks off leaves the old daemon running.
restart_old_unit() {
    [[ -z $old_unit_stopped ]] || ! is_old_unit "$old_unit_file" || systemctl --quiet start "$old_unit" || true
}

# Removes what has been replaced. The credential is, too, if the store has another one that is proven.
remove_old_files() {
    local number from folder
    for number in "${!move_from[@]}"; do
        from=${move_from[number]}
        if [[ -n ${replaced[$number]:-} ||
            (-n $credential_stored && ${move_to[number]} == "${settings[credential_file]}"*) ]] && is_old_file "$from"; then
            [[ ! -L $root$from ]] || say "$root$from was a link; $(realpath "$root$from"), of which there is a copy now, stays."
            rm -f "$root$from"
        fi
        folder=$(dirname "$from")
        [[ " ${old_folders[*]} " == *" $folder "* ]] || old_folders=("$folder" "${old_folders[@]}")
    done
    remove_old_traces
}

say_what_moves() {
    local start drop_ins
    say "Version 0.1.0 is moved over: the unit becomes $agent.service, its user $agent."
    if is_old_unit "$root$old_unit_file"; then
        start=$(grep -E '^ExecStart *=' "$root$old_unit_file")
        [[ $start == "ExecStart=$program_file run" ]] ||
            say "The old unit had $start. If that shall still hold, put it into a drop-in: systemctl edit $agent"
        drop_ins=$(find "$root$old_unit_file.d" -name '*.conf' 2>/dev/null) || true
        [[ -z $drop_ins ]] ||
            say "Its drop-ins are not moved. What shall still hold belongs into $root$unit_file.d:"$'\n'"$drop_ins"
    fi
    [[ -z ${settings[broker.socket]:-} ]] ||
        say "Programs that ask for tokens find the socket in ${settings[broker.socket]%/*} then, by \$JARVIS_NODE_SOCKET or --socket."
    [[ -z $(number_of passwd "$old_user") ]] || say "Its user $old_user is not used any more" \
        "then. If no program of yours needs it: sudo userdel ${root:+--prefix $(printf %q "$root") }$old_user"
}

# Files that are named, but not moved, may be the old user's still.
say_what_is_old_users() {
    local path uid owner=$agent:
    uid=$(number_of passwd "$old_user")
    [[ -n $uid ]] || return 0
    [[ -z $root ]] || owner=$(number_of passwd "$agent"):$(number_of group "$agent")
    for path in "${settings[@]}"; do
        if [[ $path == "$voice_node_folder"/* || ! -f $root$path || $(stat -c %u "$root$path") != "$uid" ]]; then
            continue
        fi
        say "$root$path belongs to the old user: sudo chown $owner $(printf %q "$root$path")"
    done
}
