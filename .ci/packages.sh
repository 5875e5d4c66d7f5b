# shellcheck shell=bash
# Messages, and Debian packages that a script needs. Sourced by .ci/run and by the scripts in pi-zero/, never run.

say() { printf '%s\n' "$*" >&2; }
die() {
    say "${0##*/}: $*"
    exit 1
}

# require COMMAND:PACKAGE… makes sure that the commands are there. What is missing is installed only in CI, or where
# the caller asked for it (.ci/run --install sets INSTALL_PACKAGES): a script does not change a developer's system
# unasked.
require() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    ((${#missing[@]})) || return 0
    local command="apt-get install --no-install-recommends ${missing[*]}"
    [[ -n ${CI-} || -n ${INSTALL_PACKAGES-} ]] ||
        die "These packages are missing: ${missing[*]}. Install them (sudo $command), or run .ci/run --install as root."
    command -v apt-get >/dev/null ||
        die "These packages are missing and there is no apt-get here to install them: ${missing[*]}."
    ((EUID == 0)) || die "Installing packages needs root: sudo $command"
    say "installing ${missing[*]}"
    local quiet=(-qq -o DPkg::Lock::Timeout=600) turn
    # apt-get waits for another one's installation, but not for another one's update of the package lists.
    exec {turn}>/tmp/jarvis-node-packages.lock
    flock "$turn"
    DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" update >&2
    DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install --no-install-recommends "${missing[@]}" >&2
    exec {turn}>&-
}
