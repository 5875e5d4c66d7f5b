#!/usr/bin/env bash
# Makes images of server-stub and node-sim, by buildah, from the tarballs that packaging/build.sh made, and starts those
# that this machine can run. Needs no daemon.
#
#   packaging/container.sh OUT
#
# OUT is the folder of the artefacts. It gets PROGRAM-VERSION-linux-ARCH.oci.tar, an archive in OCI's form, for each tarball.
# `podman load --input FILE` takes one, and so does Docker from version 25 on.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../.ci/packages.sh
source "$root/.ci/packages.sh"

main() {
    (($# == 1)) || die "say the folder of the artefacts: packaging/container.sh OUT"
    local out=$1 tarball
    require buildah:buildah
    storage=$(mktemp -d)
    trap 'umount "$storage"/graph/*/*/merged 2>/dev/null || true; rm -rf "$storage"' EXIT
    for tarball in "$out"/{server-stub,node-sim}-*-linux-{amd64,arm64}.tar.gz; do
        [[ -f $tarball ]] || die "$tarball is missing: make the artefacts with packaging/build.sh."
        make_image "$tarball"
    done
}

# make_image OUT/PROGRAM-VERSION-linux-ARCH.tar.gz
make_image() {
    local name program version arch image time
    name=$(basename "$1" .tar.gz)
    [[ $name =~ ^(server-stub|node-sim)-(.*)-linux-(.*)$ ]]
    program=${BASH_REMATCH[1]} version=${BASH_REMATCH[2]} arch=${BASH_REMATCH[3]}
    image=$program:$version-$arch
    # Nothing may depend on when it is built.
    time=$(git -C "$root" log -1 --format=%ct)
    buildah_here bud --quiet --platform "linux/$arch" --timestamp "$time" \
        --build-arg "VERSION=$version" --target "$program" --file "$root/packaging/Containerfile" --tag "$image" \
        "$(dirname "$1")" >/dev/null
    [[ $arch != "$(dpkg --print-architecture)" ]] || check_runs "$image" "$program" "$version"
    # buildah's own archive has the present time on its files.
    buildah_here push --quiet "$image" "oci:$storage/$name:$image"
    tar --create --directory "$storage/$name" --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --format=gnu \
        --mode=u=rwX,go=rX --file "$(dirname "$1")/$name.oci.tar" blobs index.json oci-layout
    say "ok: $name.oci.tar"
}

# check_runs IMAGE PROGRAM VERSION
check_runs() {
    local container said
    container=$(buildah_here from --pull-never "$1")
    said=$(buildah_here run "$container" -- "$2" --version)
    [[ $said == "$2 $3" ]] || die "$2 in its image says '$said' in the place of '$2 $3'."
}

# vfs and chroot need neither kernel modules nor namespaces, which a machine of CI may not have.
buildah_here() {
    STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot buildah --root "$storage/graph" --runroot "$storage/run" "$@"
}

main "$@"
