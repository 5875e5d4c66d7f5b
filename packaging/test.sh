#!/usr/bin/env bash
# Tests the amd64 package of jarvis-node: lintian, and dpkg in a Debian of its own under target/packaging, where nothing
# runs, as in an image that is being built. There apt takes the package from a repository of repo.sh, too. Then the same
# Debian boots, in namespaces, and a node by the package joins a home there. With --built the package that build.sh has
# left in target/packaging/out is taken. The last line is "N passed, M failed".
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
packaging=$root/target/packaging
suite=bookworm
# shellcheck source-path=SCRIPTDIR source=../pi-zero/packages.sh
source "$root/pi-zero/packages.sh"

main() {
    ((EUID == 0)) || die "dpkg in a system of its own needs root: run this with sudo."
    require lintian:lintian mmdebstrap:mmdebstrap unshare:util-linux apt-ftparchive:apt-utils gpg:gnupg curl:curl ip:iproute2
    mkdir -p "$packaging" "$work"
    if [[ ${1-} != --built ]]; then
        "$root/packaging/build.sh" --only amd64
    fi
    # A later version of the same program.
    "$root/packaging/build.sh" --only amd64 --version 99.0 "$packaging/next"
    lintian --fail-on error,warning --allow-root "$packaging"/out/*.deb
    if [[ ! -e $packaging/$suite.tar ]]; then
        say "making a minimal Debian (once)"
        mmdebstrap --quiet --architectures=amd64 --variant=minbase --include=systemd,init-system-helpers "$suite" \
            "$packaging/$suite.new.tar" "$(debian_source "$suite" amd64)" >&2
        mv "$packaging/$suite.new.tar" "$packaging/$suite.tar"
    fi
    # The systems lie in memory: dpkg and the installer write everything through to the disk.
    mkdir -p "$packaging/systems"
    cargo build --quiet --locked --package server-stub
    export PACKAGE NEXT SYSTEM=$packaging/$suite.tar STUB=$root/target/debug/server-stub
    PACKAGE=$(echo "$packaging"/out/*_amd64.deb)
    NEXT=$(echo "$packaging"/next/*_amd64.deb)
    # shellcheck disable=SC2016 # for that shell
    TMPDIR=$packaging/systems exec unshare --mount sh -c 'mount -t tmpfs tmpfs "$TMPDIR" && exec "$@"' sh \
        python3 -B "$root/packaging/tests/in_debian.py"
}

main "$@"
