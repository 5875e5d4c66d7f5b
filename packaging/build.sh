#!/usr/bin/env bash
# Makes what is given away of one commit, from the lock file, under target/packaging/out or in another folder: Debian
# packages and tarballs of jarvis-node for the original Zero, 64-bit Pis and PCs, tarballs of node-sim and server-stub,
# bills of materials, and SHA256SUMS over all of it. Two builds of one commit make the same bytes, which reproducible.sh
# shows. docs/development/packaging.md has the reasons.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The programs are built where pi-zero/build.sh builds, since one of them is the same.
work=$root/target/pi-zero
stage=$root/target/packaging/stage
usage="Usage: packaging/build.sh [OPTION…] [OUT]
  OUT                 the folder of what is made: target/packaging/out
  --only ARCH         jarvis-node alone, and for armhf, arm64 or amd64 alone
  --version VERSION   of the packages, instead of that in Cargo.toml"

# shellcheck source-path=SCRIPTDIR source=static.sh
source "$root/packaging/static.sh"
# shellcheck source-path=SCRIPTDIR source=tools.sh
source "$root/packaging/tools.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/packaging/stage.sh"

declare -rA targets=(
    [armhf]=arm-unknown-linux-musleabihf [arm64]=aarch64-unknown-linux-musl [amd64]=x86_64-unknown-linux-musl
)
architectures=(armhf arm64 amd64)
out=$root/target/packaging/out version='' only=''

main() {
    local arch program
    read_arguments "$@"
    umask 022
    cd "$root"
    require dpkg-deb:dpkg gzip:gzip xz:xz-utils flock:util-linux
    # One at a time in this checkout, since they share the stage.
    mkdir -p "$root/target/packaging"
    exec 8>"$root/target/packaging/lock"
    flock 8
    prepare_static_builds
    [[ -n ${SOURCE_DATE_EPOCH-} ]] || die "This is no checkout of a commit, whose time the files would get: set SOURCE_DATE_EPOCH."
    install_tools
    [[ -n $version ]] || version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
    rm -rf "$out.new" "$stage"
    mkdir -p "$out.new" "$(dirname "$stage")"

    for arch in "${architectures[@]}"; do
        build_static "${targets[$arch]}" release jarvis-node
        check_folders "$work/cargo/${targets[$arch]}/release/jarvis-node"
        stage_node "$arch"
        make_deb "$arch"
        make_tarball jarvis-node "$arch"
    done
    if [[ -z $only ]]; then
        for arch in arm64 amd64; do
            for program in server-stub node-sim; do
                build_static "${targets[$arch]}" dist "$program"
                check_folders "$work/cargo/${targets[$arch]}/dist/$program"
                stage_program "$program" "$arch"
                make_tarball "$program" "$arch"
            done
        done
    fi
    (cd "$out.new" && LC_ALL=C sha256sum -- * >../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS)
    rm -rf "$out"
    mv "$out.new" "$out"
    say "made in $out:"
    cat "$out/SHA256SUMS"
}

read_arguments() {
    while (($#)); do
        case $1 in
        --only)
            [[ -n ${2-} && -n ${targets[$2]-} ]] || die "--only wants armhf, arm64 or amd64. $usage"
            only=$2 architectures=("$2")
            shift 2
            ;;
        --version)
            [[ ${2-} =~ ^[0-9][0-9A-Za-z.+~]*$ ]] || die "--version wants the version of a Debian package, such as 0.2.1. $usage"
            version=$2
            shift 2
            ;;
        -*) die "There is no option $1. $usage" ;;
        *)
            mkdir -p "$1"
            out=$(cd "$1" && pwd)
            shift
            ;;
        esac
    done
}

# check_folders PROGRAM: a folder of this machine in it would mean nothing on another, and a second build differs by it.
check_folders() {
    local folder
    for folder in "$root" "${CARGO_HOME:-$HOME/.cargo}" "$rust_sources"; do
        ! LC_ALL=C grep -aqF -- "$folder/" "$1" || die "$1 has the folder $folder in it: a second build would differ."
    done
}

make_deb() {
    cargo deb --quiet --package jarvis-node --target "${targets[$1]}" --no-build --no-strip --deb-version "$version" \
        --output "$out.new/" || die "cargo-deb could not make the package for $1; see its message above."
}

# make_tarball PROGRAM ARCH, of the folder that stage.sh has made.
make_tarball() {
    local name=$1-$version-linux-$2
    tar --create --directory "$stage/tarball" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --format=gnu --mode=u=rwX,go=rX "$name" | gzip -9n >"$out.new/$name.tar.gz"
}

main "$@"
