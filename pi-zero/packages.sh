# shellcheck shell=bash
# Fetches Debian packages of other suites and architectures for the scripts beside this file. Sourced, never run.
# Everything fetched lies under $work (target/pi-zero). Of this machine's own apt configuration only the mirror is
# read, and nothing is changed.
: "${root:?set by the script that sources this}" "${work:?set by the script that sources this}"

# shellcheck source-path=SCRIPTDIR source=../.ci/packages.sh
source "$root/.ci/packages.sh"

# The Debian mirror that this machine is configured to use.
debian_mirror() {
    local uri
    # shellcheck disable=SC2016 # apt expands it
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)
    [[ -n $uri ]] || die "This machine's apt knows no Debian mirror: run 'apt-get update' on a Debian, or supply the package by hand."
    printf '%s' "$uri"
}

# foreign_apt SUITE ARCH PROGRAM ARGUMENT… runs an apt program for another suite or architecture, with package lists
# of its own.
foreign_apt() {
    local suite=$1 arch=$2 program=$3 own
    shift 3
    own=$work/apt/$suite-$arch
    if [[ ! -e $own/fresh ]]; then
        mkdir -p "$own/lists/partial" "$own/cache/archives/partial"
        debian_source "$suite" "$arch" >"$own/sources.list"
        foreign_apt_on "$own" "$arch" apt-get -qq update >&2 ||
            die "The package lists of $suite ($arch) could not be fetched; see apt's message above."
        touch "$own/fresh"
    fi
    foreign_apt_on "$own" "$arch" "$program" "$@"
}

# One line of sources.list for a suite of the Debian archive.
debian_source() {
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror
    mirror=$(debian_mirror)
    [[ -r $keys ]] || die "$keys is missing: apt-get install debian-archive-keyring."
    printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$2" "$keys" "$mirror" "$1"
}

foreign_apt_on() {
    local own=$1 arch=$2 program=$3
    shift 3
    # Sandbox::User: apt's user _apt may have no access to our directory.
    "$program" -oDir::Etc::sourcelist="$own/sources.list" -oDir::Etc::sourceparts=/dev/null \
        -oDir::State::Lists="$own/lists" -oDir::Cache="$own/cache" \
        -oAPT::Architecture="$arch" -oAPT::Architectures="$arch" -oAPT::Sandbox::User=root "$@"
}

# fetch_package SUITE ARCH PACKAGE[=VERSION] DIRECTORY unpacks a package there.
fetch_package() {
    local suite=$1 arch=$2 package=$3 into=$4 download
    download=$(mktemp -d "$work/download.XXXXXX")
    (cd "$download" && foreign_apt "$suite" "$arch" apt-get -qq download "$package" >&2) ||
        die "$package of $suite ($arch) could not be downloaded."
    # Unpacked elsewhere and then moved, so that an interrupted run leaves no folder that looks complete.
    mkdir "$download/tree"
    dpkg-deb -x "$download"/*.deb "$download/tree"
    rm -rf "$into"
    mkdir -p "$(dirname "$into")"
    mv "$download/tree" "$into"
    rm -r "$download"
}
