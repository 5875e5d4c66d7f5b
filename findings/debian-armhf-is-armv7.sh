#!/usr/bin/env bash
# Debian's cross compiler for armhf (libc6-dev-armhf-cross 2.36, bookworm): the start-up code that it links into every
# program is ARMv7 code. `-march=armv6` therefore compiles a program, links it without a warning, and the result ends
# with SIGILL on the ARMv6 CPU of a Pi Zero, whose own system is called armhf as well.
# Use a toolchain built for ARMv6, and check the finished program with `readelf -A`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download libc6-dev-armhf-cross=2.36-8cross1
dpkg-deb -x libc6-dev-armhf-cross_*.deb .
seen=$(readelf -A usr/arm-linux-gnueabihf/lib/crt1.o | sed -n 's/.*Tag_CPU_arch: /crt1.o: ARM/p')
printf '%s\n' "$seen"
expected='crt1.o: ARMv7'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
