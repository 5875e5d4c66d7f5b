# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# The voice node of a Jarvis home, jarvis-node.service, may be on the same board. It is told about, and nothing of it is
# touched: not its unit, not its configuration, and not its LED unless --share-led says so. Sourced by install.sh.

readonly voice_node_folder=/opt/jarvis-node

is_voice_node_here() {
    local folder unit
    for folder in etc/systemd/system usr/local/lib/systemd/system usr/lib/systemd/system lib/systemd/system; do
        unit=$root/$folder/jarvis-node.service
        if [[ -e $unit || -L $unit ]] && ! runs_our_program "$unit" && [[ $(readlink "$unit") != /dev/null ]]; then
            return 0
        fi
    done
    [[ -d $root$voice_node_folder ]]
}

# led_of FILE prints what a configuration has as "led", or nothing.
led_of() {
    local text
    text=$(tr -d '[:space:]\0' <"$1")
    [[ ! $text =~ \"led\":(\"[a-z]*\"|\{[^}]*\}) ]] || printf '%s\n' "${BASH_REMATCH[1]}"
}

# Whether an LED is one of those that the voice node uses: the board's own, or, with its microphone HAT, the one of the
# button's GPIO.
is_voice_nodes_led() {
    [[ $1 =~ \"sysfs\":\"(ACT|led0)\" || $1 =~ \"gpio\":17[^0-9] ]]
}

# check_led CONFIG stops before anything is changed.
check_led() {
    if [[ -z $share_led ]] && is_voice_node_here && is_voice_nodes_led "$(led_of "$1")"; then
        die "The voice node on this board uses the LED of $1: $(led_of "$1"). Name another one or \"led\": \"none\"," \
            "or say --share-led. Nothing was changed."
    fi
}

# leave_led_alone CONFIG: a configuration without "led" would take the board's own.
leave_led_alone() {
    [[ -z $share_led && -z $(led_of "$1") ]] && is_voice_node_here || return 0
    LC_ALL=C sed -i '0,/{/s//{ "led": "none",/' "$1"
    echo "The voice node uses the LED of this board, so the node shows itself on none: \"led\": \"none\" was put into its"
    echo "configuration. Name another LED there."
}

say_voice_node() {
    local led
    is_voice_node_here || return 0
    echo "The voice node is on this board, too: jarvis-node.service and $voice_node_folder, with the LED ACT and, on a"
    echo "microphone HAT, a button at GPIO17. All of it stays as it is; $agent.service runs beside it."
    led=$(led_of "$root$config_folder/config.json")
    if is_voice_nodes_led "${led:-\"sysfs\":\"ACT\"}"; then
        echo "The voice node may use the LED that is configured here: ${led:-the LED ACT, since none is named}. To keep"
        echo "them apart, name another one in $root$config_folder/config.json."
    fi
    if [[ -e $root$voice_node_folder/config.json ]] && ! has_credential; then
        echo "To prove its identity, copy it: sudo jarvis-node install-credential < $voice_node_folder/config.json"
    fi
}
