#!/usr/bin/env bash
# Builds what an emulated board boots, under target/pi-zero: Debian's kernel for the board, its device tree, an initrd
# and a small userland with systemd and apt. Does nothing if this script and guest/ are unchanged.
#
#   pi-zero/image.sh zero      a Pi Zero, 32-bit ARMv6, under target/pi-zero/board
#   pi-zero/image.sh zero2w    a Pi Zero 2 W, 64-bit, under target/pi-zero/board64
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/target/pi-zero
guest=$root/pi-zero/guest
# The last Debian release with a kernel for ARMv6 boards.
suite=bookworm

# usr-is-merged and apt: packages are installed as on a board that a user has. time reads a process's peak memory.
packages=systemd-sysv,udev,kmod,login,passwd,libpam-modules,base-passwd,base-files,mount,util-linux,coreutils
packages+=,dash,bash,sed,grep,mawk,findutils,diffutils,libc-bin,procps,iproute2,busybox-static,time,curl,python3
packages+=,apt,usr-is-merged,init-system-helpers,perl-base,tar,gzip,hostname

# The kernel modules that the board loads; the others stay out of the image.
initrd_modules=(crc32c_generic ext4)
card_modules=(leds-gpio ledtrig-default-on ledtrig-timer)
# Of the boot partition.
card_modules+=(vfat nls_cp437 nls_ascii nls_iso8859-1 nls_utf8)

name=${1-}
case $name in
zero)
    board=$work/board arch=armel kernel=linux-image-rpi tree_of_board=bcm2835-rpi-zero.dtb
    # The package for a Zero is armhf. Raspberry Pi OS is, too; Debian calls the same instruction set armel.
    also_installs=armhf
    card_modules+=(cdc_subset)
    ;;
zero2w)
    board=$work/board64 arch=arm64 kernel=linux-image-arm64 tree_of_board=broadcom/bcm2837-rpi-zero-2-w.dtb also_installs=
    initrd_modules+=(bcm2835)
    card_modules+=(cdc_ether dwc2 phy-generic bcm2835_wdt)
    ;;
*) echo "Usage: pi-zero/image.sh zero | zero2w" >&2 && exit 64 ;;
esac

# shellcheck source-path=SCRIPTDIR source=packages.sh
source "$root/pi-zero/packages.sh"

main() {
    local recipe
    recipe=$(cat "${BASH_SOURCE[0]}" "$guest"/* | sha256sum)
    [[ $(cat "$board/recipe" 2>/dev/null) != "$recipe" ]] || return 0
    ((EUID == 0)) || die "Building the board's image needs root, for the owners of its files: run it with sudo."
    require mmdebstrap:mmdebstrap mkfs.ext4:e2fsprogs cpio:cpio depmod:kmod fdtput:device-tree-compiler

    say "building the image of the emulated $name (once)"
    rm -rf "$board"
    mkdir -p "$board"
    unpack_kernel
    build_userland
    build_initrd
    rm -rf "$board/kernel"
    printf '%s' "$recipe" >"$board/recipe"
}

unpack_kernel() {
    local package
    package=$(foreign_apt "$suite" "$arch" apt-cache depends "$kernel" | awk '/Depends: linux-image-/ { print $2; exit }')
    [[ -n $package ]] || die "Debian's $suite has no $kernel for $arch."
    fetch_package "$suite" "$arch" "$package" "$board/kernel"
    release=${package#linux-image-}
    cp "$board/kernel/boot/vmlinuz-$release" "$board/vmlinuz"
    cp "$board/kernel/usr/lib/$package/$tree_of_board" "$board/board.dtb"
    # A chip for Bluetooth would take the serial line. On a real board: dtoverlay=disable-bt.
    fdtput -r "$board/board.dtb" /soc/serial@7e201000/bluetooth 2>/dev/null || true
    depmod -b "$board/kernel" "$release"
}

build_userland() {
    local tree=$board/userland timer
    # Variant extract runs no maintainer script, so no ARM code runs here. The lines below do the part of their work
    # that the board needs.
    mmdebstrap --quiet --architectures="$arch" --variant=extract --include="$packages" --skip=cleanup/apt \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "$suite" "$tree" "$(debian_source "$suite" "$arch")" >&2 ||
        die "mmdebstrap could not build the userland; see its message above."
    record_packages "$tree"
    cp "$tree/usr/share/base-passwd/passwd.master" "$tree/etc/passwd"
    cp "$tree/usr/share/base-passwd/group.master" "$tree/etc/group"
    [[ -e $tree/bin/sh ]] || ln -s dash "$tree/bin/sh"
    [[ -e $tree/usr/bin/awk ]] || ln -s mawk "$tree/usr/bin/awk"
    systemd-sysusers --root="$tree"
    echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
    echo "pi-$name" >"$tree/etc/hostname"
    echo '/dev/mmcblk0 / ext4 noatime 0 1' >"$tree/etc/fstab"
    # The log is kept in memory, to spare the card.
    mkdir -p "$tree/etc/systemd/journald.conf.d"
    printf '[Journal]\nStorage=volatile\n' >"$tree/etc/systemd/journald.conf.d/volatile.conf"
    # The test uses the serial line, and no service of the system may disturb a measurement.
    mkdir -p "$tree/etc/systemd/system/multi-user.target.wants" "$tree/etc/systemd/system/sysinit.target.wants"
    mask serial-getty@ttyAMA0.service getty@tty1.service getty.target systemd-firstboot.service systemd-logind.service \
        systemd-user-sessions.service
    # Units without use on this kernel, which cost an emulated ARM1176 seconds at boot.
    mask modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service sys-{fs-fuse-connections,kernel-config}.mount \
        sys-kernel-{debug,tracing}.mount dev-{hugepages,mqueue}.mount systemd-binfmt.service systemd-pstore.service
    for timer in "$tree"/lib/systemd/system/*.timer; do
        mask "$(basename "$timer")"
    done
    echo leds-gpio >"$tree/etc/modules-load.d/leds.conf"

    install -D -m 0755 -t "$tree/usr/local/lib/board" "$guest/command-agent" "$guest/network-up"
    install -m 0644 -t "$tree/etc/systemd/system" "$guest"/*.service
    ln -s ../board-command.service ../board-network.service "$tree/etc/systemd/system/multi-user.target.wants/"
    ln -s ../board-clock.service "$tree/etc/systemd/system/sysinit.target.wants/"

    rm -rf "$tree"/usr/share/{doc,man,locale,info,i18n} "$tree"/var/cache/apt "$tree"/var/lib/apt/lists
    install_modules "$tree" "${card_modules[@]}"
}

# Tells dpkg of the packages that were unpacked without it.
record_packages() {
    local tree=$1 package name data=$1/var/lib/dpkg
    : >"$data/status"
    for package in "$tree"/var/cache/apt/archives/*.deb; do
        dpkg-deb -f "$package" | sed '/^Package: /a Status: install ok installed' >>"$data/status"
        echo >>"$data/status"
        name=$(dpkg-deb -f "$package" Package)
        [[ $(dpkg-deb -f "$package" Multi-Arch) != same ]] || name+=:$arch
        dpkg-deb --fsys-tarfile "$package" | tar -t | sed 's|^\.||; s|/$||; s|^$|/.|' >"$data/info/$name.list"
    done
    echo 1 >"$data/info/format"
    [[ -z $also_installs ]] || printf '%s\n' "$arch" "$also_installs" >"$data/arch"
    rm -f "$tree/etc/apt/sources.list"
}

mask() {
    local unit
    for unit in "$@"; do
        ln -sf /dev/null "$tree/etc/systemd/system/$unit"
    done
}

build_initrd() {
    local tree=$board/initrd
    mkdir -p "$tree"/{bin,dev,proc,sys,card,lib}
    cp "$board/userland/bin/busybox" "$tree/bin/busybox"
    install -m 0755 "$guest/init" "$tree/init"
    install_modules "$tree" "${initrd_modules[@]}"
    (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$board/initrd.gz"
    rm -r "$tree"
}

# install_modules TREE MODULE… copies modules of the board's kernel with their dependencies, and lists them for modprobe.
install_modules() {
    local tree=$1 module file
    shift
    for module in "$@"; do
        modprobe -d "$board/kernel" -S "$release" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
    done | sort -u | while read -r file; do
        install -D -m 0644 "$file" "$tree/lib/modules/$release/kernel/${file##*/}"
    done
    cp "$board/kernel/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$tree/lib/modules/$release/"
    depmod -b "$tree" "$release"
}

main
