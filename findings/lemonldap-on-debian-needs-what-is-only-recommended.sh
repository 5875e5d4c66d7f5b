#!/usr/bin/env bash
# LemonLDAP::NG 2.16.1 (Debian bookworm): with all that liblemonldap-ng-portal-perl depends on, the portal starts, listens, and
# answers every request with 500. It loads the captcha that draws with ImageMagick, whatever is configured, and for OpenID Connect
# String::Random and IO::String. Debian's packages only recommend these, the first by way of another package that again
# only recommends it.
# Where packages are installed without recommended ones (containers), add libgd-securityimage-perl, libimage-magick-perl,
# libstring-random-perl and libio-string-perl.
# shellcheck source-path=SCRIPTDIR source=lemonldap.bash
source "$(dirname "${BASH_SOURCE[0]}")/lemonldap.bash"

unpack "$@"
# loads MODULE: whether it can be loaded, or which module is missing.
loads() {
    local said
    if said=$(perl -e 'require Lemonldap::NG::Portal::'"$1" 2>&1); then
        echo "$1: loaded"
    else
        echo "$1: needs $(grep -o -m 1 'install the [A-Za-z:]* module' <<<"$said" | cut -d' ' -f3)"
    fi
}
judge 'Main: loaded
Captcha::SecurityImage: needs GD::SecurityImage
Issuer::OpenIDConnect: needs String::Random' "$(loads Main && loads Captcha::SecurityImage && loads Issuer::OpenIDConnect)"
