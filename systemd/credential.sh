# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# Brings a credential through the program's own store, which has it proven, locks out other writers and keeps the one
# before. Sourced by install.sh.

has_credential() {
    local generation
    for generation in '' .new .prev; do
        [[ ! -e $root$state_folder/credential.json$generation ]] || return 0
    done
    return 1
}

install_credential() {
    local said status=0 again="'sudo jarvis-node install-credential < FILE' on the board"
    said=$(program_on_card install-credential <"$credential" 2>&1) || status=$?
    case $status in
    0)
        echo "The credential: $said"
        return
        ;;
    65 | 77)
        trouble="The credential was not installed: $said"
        return
        ;;
    esac
    # Nothing can be lost yet, so the first one needs no proof.
    if ! has_credential; then
        place_first_credential
        echo "The credential was put in place, but not proven: ${said##*$'\n'}"
    elif cmp -s "$credential" "$root$state_folder/credential.json"; then
        echo "The credential is the one that is in place."
    else
        trouble="There is a credential already, and it stays, since the new one could not be proven: ${said##*$'\n'}"
        trouble+=" Try again with $again."
    fi
}

# The program with the configuration that was installed. On a card the configuration's folders are below $root.
program_on_card() {
    local rooted=$root$rooted_config status=0
    if [[ -z $root ]]; then
        "$program_file" "$@" --config "$config_folder/config.json"
        return
    fi
    local root_in_sed
    # shellcheck disable=SC2001 # newer bash reads & in a replacement as sed does, older bash does not
    root_in_sed=$(sed 's/[#&\\]/\\&/g' <<<"$root")
    LC_ALL=C sed -E "s#\"(/(etc|run|var/lib)/$agent/)#\"$root_in_sed\\1#g" "$root$config_folder/config.json" >"$rooted"
    "$root$program_file" "$@" --config "$rooted" || status=$?
    rm -f "$rooted"
    return "$status"
}

# Made in a folder that belongs to root: in a folder of the daemon's user, a link made by that user could lead root's
# chown to another file.
place_first_credential() {
    local staged=$root$staged_state/credential.json
    make_private "$root$staged_state"
    (umask 077 && cat "$credential" >"$staged")
    chown "$(number_of passwd "$agent"):$(number_of group "$agent")" "$staged"
    sync "$staged"
    mv -fT "$staged" "$root$state_folder/credential.json"
}
