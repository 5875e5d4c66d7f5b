#!/usr/bin/env bash
# Signs what packaging/build.sh made: SHA256SUMS.minisig over SHA256SUMS, which names every other file.
#
#   packaging/sign.sh OUT KEY
#
# OUT is the folder of the artefacts, KEY minisign's secret key; minisign asks for its password at the terminal. A
# download is verified with
#
#   minisign -Vm SHA256SUMS -p jarvis-node.pub && sha256sum --check --ignore-missing SHA256SUMS
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../.ci/packages.sh
source "$root/.ci/packages.sh"

main() {
    (($# == 2)) || die "say the folder of the artefacts and the secret key: packaging/sign.sh OUT KEY"
    local out=$1 key=$2 unnamed
    [[ -f $out/SHA256SUMS ]] || die "$out/SHA256SUMS is missing: make the artefacts with packaging/build.sh."
    [[ -f $key ]] || die "$key is missing: make a key once with 'minisign -G -s $key', and keep it off this machine."
    require minisign:minisign
    (cd "$out" && sha256sum --check --quiet --strict SHA256SUMS >&2) ||
        die "A file in $out is not the one in SHA256SUMS: make all of them anew with packaging/build.sh."
    # A file that is not named would seem to be signed by lying there.
    unnamed=$(comm -23 <(cd "$out" && find . -type f ! -name 'SHA256SUMS*' -printf '%P\n' | sort) \
        <(cut -c 67- "$out/SHA256SUMS" | sort))
    [[ -z $unnamed ]] || die "These files are not in $out/SHA256SUMS: $(tr '\n' ' ' <<<"$unnamed")"
    # The trusted comment is signed, too: it says which commit this is.
    minisign -S -s "$key" -m "$out/SHA256SUMS" -x "$out/SHA256SUMS.minisig" \
        -t "jarvis-node $(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1) of commit $(git -C "$root" rev-parse HEAD)"
}

main "$@"
