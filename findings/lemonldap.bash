# shellcheck shell=bash
# Sourced by the findings on LemonLDAP::NG: unpacks liblemonldap-ng-portal-perl 2.16.1 from Debian bookworm with all that it
# depends on into a temporary folder, for perl to find. Needs Debian 12 with apt-get and perl.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# unpack PACKAGE…: the portal, and these packages besides.
unpack() {
    local packages archive
    # What apt would install that is not here yet; of an update the third word begins with "[". Fonts and scripts are for
    # browsers.
    mapfile -t packages < <(apt-get install --simulate --no-install-recommends \
        liblemonldap-ng-portal-perl=2.16.1+ds-deb12u10 "$@" |
        awk '$1 == "Inst" && $3 !~ /^\[/ && $2 !~ /^(fonts|libjs-)/ { print $2 }')
    (cd "$work" && apt-get download -qq "${packages[@]}" 2>/dev/null)
    for archive in "$work"/*.deb; do dpkg-deb --extract "$archive" "$work"; done
    PERL5LIB=$work/usr/share/perl5:$(echo "$work"/usr/lib/*/perl5/*)
    export PERL5LIB
}

# judge EXPECTED SEEN: prints what was seen, and fails if it is something else.
judge() {
    printf 'LemonLDAP::NG 2.16.1\n%s\n' "$2"
    [[ $2 == "$1" ]] || { printf 'The behaviour has changed; seen before:\n%s\n' "$1" >&2; exit 1; }
}
