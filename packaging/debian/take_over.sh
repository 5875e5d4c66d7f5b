#!/bin/bash
# What the package's postinst does besides the units: makes the user and the folders, moves version 0.1.0 over, and
# takes the place of what systemd/install.sh has put on this system, whose files in /etc and /usr/local would hide the
# package's. It can be interrupted at any moment and then be run again: sudo dpkg --configure -a.
# Installed as /usr/lib/jarvis-node/take_over.sh, beside what it sources from systemd/parts.
set -euo pipefail

unset CDPATH
here=$(dirname "$(realpath -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=../../systemd/parts/installation.sh
source "$here/installation.sh"
# shellcheck source-path=SCRIPTDIR source=../../systemd/parts/program.sh
source "$here/program.sh"
# shellcheck source-path=SCRIPTDIR source=../../systemd/parts/old.sh
source "$here/old.sh"
# shellcheck source-path=SCRIPTDIR source=../../systemd/parts/move.sh
source "$here/move.sh"
# shellcheck source-path=SCRIPTDIR source=../../systemd/parts/voice_node.sh
source "$here/voice_node.sh"

# What install.sh sets by its options. Nothing is given here.
# shellcheck disable=SC2034 # for the sourced files
root='' config='' app_key='' credential='' ca='' share_led='' given=$staged_config/given
# How a person gives the configuration that the unit of version 0.1.0 names.
give_config="copy it to $config_folder/config.json"
packaged_program=/usr/bin/jarvis-node
packaged_units=/usr/lib/systemd/system

main() {
    need_tools cp mkdir realpath touch tr systemd-sysusers systemd-tmpfiles timeout
    lock_installation
    remove_staged
    trap end EXIT
    systemd-sysusers "$agent.conf"
    # It may want /proc, which not every image that is being built has.
    systemd-tmpfiles --create "$agent.conf" || say "The folders of the node are made when this system boots."
    make_private "$given"
    make_private "$staged_state"
    if "$packaged_program" --version >/dev/null 2>&1; then
        runner=$packaged_program
    fi
    find_voice_node
    if is_old_installed; then
        plan_move
        copy_old_files
        # At every moment a unit is enabled.
        unit_files enable "$agent.service" "$agent-first-boot.service"
        end_old_unit
        remove_old_files
    fi
    keep_disabled "$unit_file"
    keep_disabled "$first_boot_unit_file"
    replace "$unit_file" "$packaged_units/$agent.service"
    replace "$first_boot_unit_file" "$packaged_units/$agent-first-boot.service"
    replace "$update_path_file" "$packaged_units/$agent-update.path"
    replace "$update_unit_file" "$packaged_units/$agent-update.service"
    replace "$sysusers_file" "/usr/lib/sysusers.d/$agent.conf"
    replace "$tmpfiles_file" "/usr/lib/tmpfiles.d/$agent.conf"
    replace "$rules_file" "/usr/lib/udev/rules.d/60-$agent.rules"
    replace_program
    ! is_live || give_leds
    say_voice_node
}

end() {
    local status=$?
    remove_staged
    restart_old_unit
    ((status == 0)) || say "jarvis-node is not set up yet. When that is put right: sudo dpkg --configure -a"
    exit "$status"
}

# keep_disabled UNIT: a unit of install.sh that a person has disabled stays so: deb-systemd-helper takes a unit that it knows without its
# links for disabled.
keep_disabled() {
    [[ -f $1 && ! -L $1 ]] || return 0
    [[ $(systemctl is-enabled "${1##*/}" 2>/dev/null) != disabled ]] ||
        deb-systemd-helper update-state "${1##*/}" >/dev/null
}

# replace FILE PACKAGED: removes a file of install.sh. One that is not like the package's may have been changed by a
# person, and is kept under a name that nothing reads.
replace() {
    local link=/etc/systemd/system/multi-user.target.wants/${1##*/}
    [[ -f $1 && ! -L $1 ]] || return 0
    # While its file is there: a link to nothing would look like a disabled unit.
    if [[ -L $link ]]; then
        ln -sfT "$2" "$link.new"
        mv -fT "$link.new" "$link"
    fi
    # No process substitution: an image that is being built may have no /proc.
    if sed "s|$program_file|$packaged_program|" "$1" | cmp -s - "$2"; then
        rm -f "$1"
    else
        mv -fT "$1" "$1.dpkg-old"
        say "$1 differs from the package's file, which counts now. It is kept as $1.dpkg-old; what you have changed in a" \
            "unit belongs into a drop-in: sudo systemctl edit $agent"
    fi
}

replace_program() {
    if is_our_program "$program_file"; then
        rm -f "$program_file"
    elif [[ -e $program_file ]]; then
        say "$program_file is another program and stays. A shell finds it before $packaged_program."
    fi
}

main
