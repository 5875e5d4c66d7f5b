#!/usr/bin/env bash
# Shows that two builds of this commit make the same bytes: builds here, and then in a clone in another folder, with
# another time zone, language, umask and cache of zig's, and compares every artefact. Takes an hour of a core.
# With --only ARCH, as CI calls it for armhf, one package is compared, in a fifth of the time.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
# shellcheck source-path=SCRIPTDIR source=../.ci/packages.sh
source "$root/.ci/packages.sh"

main() {
    local place clone first second
    (($# == 0)) || [[ $# == 2 && $1 == --only ]] || die "Usage: packaging/reproducible.sh [--only ARCH]"
    [[ -z $(git -C "$root" status --porcelain --untracked-files=no) ]] ||
        die "The work tree differs from the commit, of which the second build is: commit first."
    "$root/packaging/build.sh" "$@"
    first=$root/target/packaging/out

    place=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder as it is now
    trap "rm -rf '$place'" EXIT
    clone=$place/a-folder-with-another-name second=$place/out
    git clone --quiet "$root" "$clone"
    git -C "$clone" checkout --quiet "$(git -C "$root" rev-parse HEAD)"
    # The tools are pinned, and the same for both builds.
    mkdir -p "$clone/target/pi-zero"
    ln -s "$root/target/tools" "$clone/target/tools"
    ln -s "$work/venv" "$clone/target/pi-zero/venv"
    (umask 027 && TZ=Asia/Kathmandu LC_ALL=C LANG=C XDG_CACHE_HOME=$place/cache "$clone/packaging/build.sh" "$@" "$second")

    diff "$first/SHA256SUMS" "$second/SHA256SUMS" ||
        die "The builds differ in the artefacts above."
    say "ok: $(wc -l <"$first/SHA256SUMS") artefacts are the same, byte for byte"
    echo "1 passed, 0 failed"
}

main "$@"
