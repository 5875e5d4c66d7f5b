#!/usr/bin/env bash
# Makes a flat apt repository of packages, signed by an OpenPGP key. It is a folder for any web server.
#
#   packaging/repo.sh PACKAGES REPOSITORY KEY
#
# PACKAGES is a folder with .deb files, KEY the id of a secret key in GnuPG's key ring. Packages that the repository has
# already stay, so that a board can go back to one. A board uses it with
#
#   deb [signed-by=/usr/share/keyrings/jarvis-node.asc] https://HOST/FOLDER ./
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../.ci/packages.sh
source "$root/.ci/packages.sh"

main() {
    (($# == 3)) || die "say the folder of the packages, the repository's and the key: packaging/repo.sh PACKAGES REPOSITORY KEY"
    local packages=$1 repository=$2 key=$3 package
    require apt-ftparchive:apt-utils gpg:gnupg
    gpg --batch --list-secret-keys "$key" >/dev/null 2>&1 || die "GnuPG has no secret key $key: see gpg --list-secret-keys."
    mkdir -p "$repository"
    for package in "$packages"/*.deb; do
        [[ -f $package ]] || die "There is no package in $packages: make them with packaging/build.sh."
        add_package "$package"
    done
    (
        cd "$repository"
        write_index
        sign "$key"
        put_in_place
    )
    say "ok: $repository has $(grep -c '^Package:' "$repository/Packages") packages"
}

# A name that boards may have installed already never gets other bytes.
add_package() {
    local there
    there=$repository/$(basename "$1")
    [[ ! -f $there ]] || cmp -s "$1" "$there" ||
        die "$there is in the repository with other bytes. A package that has been published needs a new version to change."
    cp --no-preserve=ownership "$1" "$there"
}

# Beside their places first: until the key's owner has signed, the repository is the one from before.
write_index() {
    mkdir -p .new
    apt-ftparchive packages . | sed 's|^Filename: \./|Filename: |' >.new/Packages
    gzip -9nc .new/Packages >.new/Packages.gz
    apt-ftparchive -o APT::FTPArchive::Release::Origin=jarvis-node -o APT::FTPArchive::Release::Label=jarvis-node \
        -o APT::FTPArchive::Release::Suite=stable -o APT::FTPArchive::Release::Codename=stable \
        -o APT::FTPArchive::Release::Architectures="amd64 arm64 armhf" \
        -o APT::FTPArchive::Release::Patterns::="Packages*" release .new >.release
    mv .release .new/Release
}

# sign KEY
sign() {
    local why="GnuPG did not sign, see above. The index of the repository is the one from before."
    gpg --batch --yes --local-user "$1" --armor --detach-sign --output .new/Release.gpg .new/Release || die "$why"
    gpg --batch --yes --local-user "$1" --clearsign --output .new/InRelease .new/Release || die "$why"
    gpg --batch --armor --export "$1" >.new/jarvis-node.asc
}

# What is signed last: between the renames apt finds a hash that does not fit, and tries again later.
put_in_place() {
    local file
    for file in jarvis-node.asc Packages Packages.gz Release Release.gpg InRelease; do
        mv ".new/$file" "$file"
    done
    rmdir .new
}

main "$@"
