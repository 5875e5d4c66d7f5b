# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154,SC2034
# Tries the program, and asks it about configurations and other files, since it alone knows how they are written.
# Sourced by install.sh.

# The program, if it can be run here.
runner=''
# What a configuration says: its files by their keys, and its LED. See Question::Settings in src/commands/installer.rs.
declare -A settings=()
# Why there are none.
unusable=''

# Tries the program before it replaces the one that works: a program for another processor, a cut download. Making a key
# takes its cryptography, too.
try_program() {
    local new=$root$program_file.new said='' status=0 errors=$root$staged_state/errors
    is_our_program "$new" ||
        die "$program is not jarvis-node, or only a part of it: pi-zero/build.sh makes it. Nothing was changed."
    case $(head -c 4 "$new" | tr -d '\0') in
    $'\x7fELF' | '#!'*) ;;
    *) die "$program is not a program: pi-zero/build.sh makes it. Nothing was changed." ;;
    esac
    make_private "$root$staged_state"
    # By bash, since timeout would have a program of another processor read as a shell's script.
    # shellcheck disable=SC2016 # for that bash
    local run='exec "$0" "$@"'
    said=$(timeout 60 "$BASH" -c "$run" "$new" --version 2>"$errors" &&
        timeout 60 "$BASH" -c "$run" "$new" keygen --out "$root$staged_state/trial.key" 2>"$errors" >&2) || status=$?
    rm -f "$root$staged_state/trial.key"
    if [[ $status == 0 && $said == jarvis-node\ * ]]; then
        runner=$new
        return
    elif [[ -n $root && $status == 126 && $(processor_of "$new") != "$(processor_of /proc/self/exe)" ]]; then
        say "The program could not be tried on this machine ($(uname -m)), since it is for another processor."
        [[ ! -s $root$given/credential.json ]] || grep -q '"node_id"' "$root$given/credential.json" ||
            die "$credential is not a credential. Nothing was changed."
        return
    fi
    said=$(tail -n 1 "$errors")
    case $status in
    0) said="$program is not jarvis-node" ;;
    73) said="There is no room for a key in $root$staged_state: ${said%%; name another file*}" ;;
    124) said="$program did not end within a minute" ;;
    126) said="$program cannot be run from $root${program_file%/*} (this processor: $(uname -m)): ${said##*: }" ;;
    127) said="$program needs a library or an interpreter that this system lacks; pi-zero/build.sh makes one that needs none" ;;
    132) said="$program has instructions that this processor lacks; pi-zero/build.sh makes one for every Pi" ;;
    134 | 135 | 139) said="$program breaks off (exit status $status): it may be cut short or damaged" ;;
    *) said="$program does not work here (exit status $status): $said" ;;
    esac
    die "$said. Nothing was changed."
}

# processor_of PROGRAM prints what an ELF file says of the processor it is for: width, byte order and machine.
processor_of() { od -An -v -tx1 -j4 -N2 "$1" && od -An -v -tx1 -j18 -N2 "$1"; }

# Judges what was given before it replaces what works. The files are told by their own names.
judge_given() {
    judge "$config" settings config.json
    judge "$app_key" app-key app.key
    judge "$ca" ca ca.pem
    judge "$credential" credential credential.json
}

# judge FILE QUESTION NAME
judge() {
    local said staged=$root$given/$3
    [[ -n $1 ]] || return 0
    if [[ -z $runner ]]; then
        # All that can be told without the program: these two are for every user to read.
        [[ $2 != ca && $2 != settings ]] || ! grep -qaE 'PRIVATE KEY-----|"(node|api)_key"' "$staged" ||
            die "$1 holds a secret, which every user could read there. Nothing was changed."
        return 0
    fi
    said=$("$runner" installer "$2" "$staged" 2>&1 >/dev/null) ||
        die "$(told "$said" "$staged" "$1") Nothing was changed."
}

# told SENTENCE STAGED FILE: the program's sentence about a file that has another name for a person.
told() {
    local said=${1##*$'\n'}
    said=${said#jarvis-node: }
    printf '%s' "${said//"$2"/"$3"}"
}

# adapt_config FROM TO: a configuration may be of the time of version 0.1.0, or be written for a board without a voice
# node. It stays as it is in the paths of `kept`.
adapt_config() {
    read_settings "$1" || die "$unusable Nothing was changed."
    if [[ -n $runner ]]; then
        "$runner" installer move "$1" "${kept[@]}" >"$root$staged_config/adapted"
        touch -r "$1" "$root$staged_config/adapted"
        mv -fT "$root$staged_config/adapted" "$2"
        read_settings "$2"
    fi
    adapt_led "$2"
}

# read_settings FILE: fails with a sentence in `unusable`.
read_settings() {
    local line
    settings=()
    if [[ -z $runner ]]; then
        unusable="The program cannot be run on this machine, so $1 can only have the usual credential_file,"
        unusable+=" $state_folder/credential.json, written as in systemd/config.example.json."
        grep -qE "\"credential_file\": *\"$state_folder/credential.json\"" "$1" || return 1
        settings=([credential_file]=$state_folder/credential.json [app_key_file]=$config_folder/app.key)
        ! grep -q '"via"' "$1" || settings[app_key_file]=''
        settings[led]=$(sed -nE 's/.*"led": *("none"|\{ *"gpio": *26 *\}).*/gpio 26/p' "$1")
        return 0
    fi
    if ! "$runner" installer settings "$1" >"$root$staged_state/settings" 2>"$root$staged_state/errors"; then
        unusable=$(told "$(<"$root$staged_state/errors")" "$root$given/config.json" "$config")
        return 1
    fi
    while IFS= read -r -d '' line; do
        settings[${line%%=*}]=${line#*=}
    done <"$root$staged_state/settings"
}
