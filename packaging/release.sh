#!/usr/bin/env bash
# Prepares a release: checks that everything is in order, runs CI on a clean clone of this commit, builds the artefacts
# there, signs them, and makes the tag. It publishes nothing. docs/development/release.md has what comes before and after.
#
#   packaging/release.sh VERSION OUT KEY
#
# VERSION is without a v, OUT a new folder for the artefacts, KEY minisign's secret key. What is not in order is said,
# all of it at once, and nothing is made.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../.ci/packages.sh
source "$root/.ci/packages.sh"

main() {
    (($# == 3)) || die "say the version, a new folder for the artefacts and the key: packaging/release.sh VERSION OUT KEY"
    local version=$1 out key
    out=$(realpath -m "$2") key=$(realpath -m "$3")
    cd "$root"
    faults=()
    check_tree
    check_version "$version"
    check_changelog "$version"
    check_places "$out" "$key"
    ((${#faults[@]} == 0)) || die "not released:$(printf '\n- %s' "${faults[@]}")"

    clone=$(mktemp -d)
    trap 'rm -rf "$clone"' EXIT
    git clone --quiet "$root" "$clone/jarvis-node"
    say "running CI on a clean clone, which takes an hour"
    (cd "$clone/jarvis-node" && .ci/run) || die "not released: CI failed, see above."
    # The same clone: that the artefacts are the same wherever they are built, CI has checked.
    "$clone/jarvis-node/packaging/build.sh" "$out"
    "$clone/jarvis-node/packaging/sign.sh" "$out" "$key"
    # CI takes long enough for somebody to commit meanwhile.
    git tag --annotate "v$version" --message "jarvis-node $version" "$(git -C "$clone/jarvis-node" rev-parse HEAD)"
    say "ok: the artefacts are in $out, and the tag is v$version. Nothing has been published: docs/development/release.md"
}

check_tree() {
    [[ -z $(git status --porcelain) ]] || faults+=("the work tree differs from the commit: commit or drop what git status shows")
    [[ $(git symbolic-ref --quiet --short HEAD) == main ]] || faults+=("this is not main: releases are made of main")
}

# check_version VERSION
check_version() {
    local said
    [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || faults+=("'$1' is no version: it is MAJOR.MINOR.PATCH")
    said=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
    [[ $said == "$1" ]] || faults+=("Cargo.toml has version $said: set it, and that of the workspace's dependencies, to $1")
    cargo metadata --locked --format-version 1 >/dev/null 2>&1 ||
        faults+=("Cargo.lock does not go with Cargo.toml: cargo update --workspace")
    [[ -z $(git tag --list "v$1") ]] || faults+=("there is a tag v$1 already: a version is released once")
}

# check_changelog VERSION: each product has a section of this version, dated, and none has changes above it.
check_changelog() {
    local product section
    for product in jarvis-node node-sim server-stub; do
        section=$(awk -v title="# $product" '/^# / { inside = $0 == title } inside' CHANGELOG.md)
        grep -qE "^## \[${1//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" <<<"$section" ||
            faults+=("CHANGELOG.md has no '## [$1] - YYYY-MM-DD' for $product")
        section=$(sed -n '/^## \[Unreleased\]/,/^## \[[0-9]/p' <<<"$section")
        ! grep -qvE '^(## |$)' <<<"$section" ||
            faults+=("CHANGELOG.md has unreleased changes of $product: move them to $1")
    done
    grep -qE "^## .*\b${1//./\\.}$" docs/upgrading.md || faults+=("docs/upgrading.md has no '## … to $1'")
}

# check_places OUT KEY
check_places() {
    [[ ! -e $1 ]] || faults+=("$1 exists: name a new folder")
    [[ -f $2 ]] || faults+=("$2, the key that signs, is missing")
}

main "$@"
