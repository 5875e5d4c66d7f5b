# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154,SC2034
# Brings a credential through the program's own store, which has it proven, locks out other writers and keeps the one
# before. Sourced by install.sh.

credential_stored=''

# is_there PATH: whether a configured file is there, or systemd passes on one of this name when the daemon starts.
is_there() {
    [[ -e $root$1 ]] ||
        grep -qsE "^(Load|Set)Credential[A-Za-z]* *= *${1##*/}:" "$root$unit_file" "$root$unit_file.d"/*.conf
}

has_credential() {
    local generation
    for generation in '' .new .prev; do
        ! is_there "${settings[credential_file]}$generation" || return 0
    done
    return 1
}

install_credential() {
    local said='' status=0 file=${settings[credential_file]:-} again="'sudo jarvis-node install-credential < FILE' on the board"
    if [[ -z $file ]]; then
        trouble="The credential was not installed. $trouble"
        return
    elif [[ $file == "$voice_node_folder"/* ]]; then
        trouble="The credential was not installed: $root$file is the voice node's. Name another credential_file."
        return
    fi
    refuse_links "$file"
    if [[ -n $runner ]]; then
        said=$("$runner" install-credential ${root:+--root "$root"} --config "$config_folder/config.json" \
            <"$root$given/credential.json" 2>&1) || status=$?
        said=${said##*$'\n'}
        said=${said#jarvis-node: }
    else
        said="The program cannot be run on this machine." status=69
    fi
    said=${said%. Nothing was changed}
    case $status in
    0)
        credential_stored=yes
        say "The credential: $said"
        ;;
    65 | 77) trouble="The credential was not installed: $said" ;;
    *)
        if cmp -s "$root$given/credential.json" "$root$file"; then
            say "The credential is the one that is in place."
        elif has_credential; then
            trouble="There is a credential already, and it stays, since the new one could not be proven: $said."
            trouble+=" Try again with $again."
        elif [[ ${file%/*} == "$state_folder" ]]; then
            # Nothing can be lost yet, so the first one needs no proof.
            place_first_credential "$file"
            say "The credential was put in place, but not proven: $said"
        else
            trouble="The credential was not installed, since it could not be proven: $said. Try again with $again."
        fi
        ;;
    esac
}

# Made in a folder that belongs to root: in a folder of the daemon's user, a link made by that user could lead root's
# chown to another file.
place_first_credential() {
    local staged=$root$given/credential.json
    chmod 0600 "$staged"
    chown "$(number_of passwd "$agent"):$(number_of group "$agent")" "$staged"
    make_private "$root$staged_state"
    mv -fT "$staged" "$root$staged_state/credential.json"
    sync "$root$staged_state/credential.json"
    mv -fT "$root$staged_state/credential.json" "$root$1"
}
