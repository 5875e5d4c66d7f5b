# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# The voice node of a Jarvis home, jarvis-node.service, may be on the same board. It is told about, and nothing of it is
# touched: not its unit, not its configuration, and not its LED unless --share-led says so. Sourced by install.sh.

readonly voice_node_folder=/opt/jarvis-node

# Where the voice node was found, if it is on this board.
voice_node=''

find_voice_node() {
    local folder unit
    for folder in /etc/systemd /run/systemd /usr/local/lib/systemd /usr/lib/systemd; do
        unit=$root$folder/system/jarvis-node.service
        if [[ -e $unit || -L $unit ]] && ! is_old_unit "$unit" && [[ $(readlink "$unit") != /dev/null ]]; then
            voice_node+="${voice_node:+ and }$unit"
        fi
    done
    for folder in "$root$voice_node_folder" "$root"/home/*/jarvis-node "$root"/home/*/.config/systemd/user/jarvis-node.service; do
        [[ ! -e $folder && ! -L $folder ]] || voice_node+="${voice_node:+ and }$folder"
    done
}

# Whether an LED, as Question::Settings tells it, is one of those that the voice node uses: the board's own, or, with its
# microphone HAT, the one of the button's GPIO.
is_voice_nodes_led() { [[ $1 == 'gpio 17' || $1 == 'sysfs ACT' || $1 == 'sysfs led0' ]]; }

# adapt_led CONFIG stops before anything is changed. A configuration without "led" would take the board's own LED.
adapt_led() {
    [[ -n $voice_node && -z $share_led ]] || return 0
    local led=${settings[led]}
    if [[ -z $led && -n $runner ]]; then
        "$runner" installer no-led "$1" >"$1.led"
        touch -r "$1" "$1.led"
        mv -fT "$1.led" "$1"
        say "The voice node uses the LED of this board, so the node shows itself on none: its configuration gets" \
            "\"led\": \"none\". Name another LED there."
    elif [[ -n $config ]] && is_voice_nodes_led "${led:-sysfs ACT}"; then
        die "The voice node on this board uses the LED of $config: ${led:-the board\'s own, since" \
            "\"led\" is not as in systemd/config.example.json}. Name another one or \"led\": \"none\", or say" \
            "--share-led. Nothing was changed."
    fi
}

say_voice_node() {
    [[ -n $voice_node ]] || return 0
    say "The voice node is on this board, too: $voice_node. It uses the LED ACT and, on a microphone HAT, a button at" \
        "GPIO17. All of it stays as it is; $agent.service runs beside it."
    if [[ -n ${settings[credential_file]:-} ]] && is_voice_nodes_led "${settings[led]:-sysfs ACT}"; then
        say "The voice node may use the LED that is configured here: ${settings[led]:-the LED ACT, since none is named}." \
            "To keep them apart, name another one in $root$config_folder/config.json."
    fi
    if [[ -f $root$voice_node_folder/config.json && -n ${settings[credential_file]:-} ]] && ! has_credential; then
        say "To prove its identity, copy it:"$'\n'"    sudo cat $root$voice_node_folder/config.json |" \
            "sudo jarvis-node install-credential${root:+ --root $root}"
    fi
}
