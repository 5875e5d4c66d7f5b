#!/usr/bin/env bash
# OpenSSL 3.0: an EC key in PKCS #8 may lack its public half, which RFC 5915 makes optional and Java leaves out. `openssl
# pkcs8 -topk8` and `openssl pkey` read such a key, work out the public half (`openssl pkey -text` shows it), and write
# the key without it again; only `openssl ec` writes it. ring and other readers need it there. So the conversion to name
# is `openssl ec -in OLD | openssl pkcs8 -topk8 -nocrypt`, and not the usual one alone.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl version | cut -d' ' -f1,2 | sed 's/\.[0-9]*$//'

# `openssl ec -no_public` writes the half without the other, as the format allows.
openssl ecparam -name prime256v1 -genkey -noout -out "$work/whole.pem"
openssl ec -in "$work/whole.pem" -no_public -out "$work/half.pem" 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in "$work/half.pem" -out "$work/half.p8"

# The key is DER in an octet string of the file; its public half has the tag [1] there (RFC 5915, section 3).
inner() { openssl asn1parse -in "$1" | awk -F: '/OCTET STRING/ { print $1 + 0; exit }'; }
half_in_file() { if openssl asn1parse -in "$1" -strparse "$(inner "$1")" | grep -q 'cont \[ 1 \]'; then echo yes; else echo no; fi; }

openssl pkcs8 -topk8 -nocrypt -in "$work/half.p8" -out "$work/by-pkcs8.p8"
openssl pkey -in "$work/half.p8" -out "$work/by-pkey.p8"
openssl ec -in "$work/half.p8" 2>/dev/null | openssl pkcs8 -topk8 -nocrypt -out "$work/by-ec.p8"
seen="before: $(half_in_file "$work/half.p8")
pkcs8 -topk8: $(half_in_file "$work/by-pkcs8.p8")
pkey: $(half_in_file "$work/by-pkey.p8")
ec, then pkcs8: $(half_in_file "$work/by-ec.p8")
pkey -text shows it: $(openssl pkey -in "$work/half.p8" -noout -text | grep -c '^pub:')"
printf 'public half in the file\n%s\n' "$seen"
expected='before: no
pkcs8 -topk8: no
pkey: no
ec, then pkcs8: yes
pkey -text shows it: 1'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
