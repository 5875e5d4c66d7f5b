#!/usr/bin/env bash
# Makes the certificates that the targets `certificate` and `pem` start from. The key of their CA is not kept.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Valid for 246 years: the targets check them at a fixed moment within.
issue() {
    local name=$1 ca=$2 extensions=$3
    openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
    openssl x509 -req -in "$name.csr" -CA "$ca.pem" -CAkey "$ca.key" -days 90000 -set_serial "0x$RANDOM" \
        -extfile <(printf '%s\n' "$extensions") -out "$name.pem" 2>/dev/null
    openssl x509 -in "$name.pem" -outform der -out "$name.der"
}

for name in ca between leaf constrained client; do
    openssl ecparam -name prime256v1 -genkey -noout -out "$name.key"
done
openssl genrsa -out weak.key 1024 2>/dev/null
openssl req -x509 -new -key ca.key -subj /CN=ca -days 90000 -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
openssl x509 -in ca.pem -outform der -out ca.der
issue between ca "basicConstraints=critical,CA:TRUE,pathlen:0
nameConstraints=critical,permitted;DNS:home"
issue leaf ca "basicConstraints=critical,CA:FALSE
extendedKeyUsage=serverAuth
subjectAltName=DNS:auth.home,DNS:*.home,IP:192.0.2.1"
issue constrained between "subjectAltName=DNS:auth.home,DNS:elsewhere.example"
issue weak ca "subjectAltName=DNS:auth.home"
openssl req -x509 -new -key client.key -subj /CN=client -days 90000 -out client.pem

cp ca.der "$here/"
openssl pkey -in leaf.key -pubout -outform der -out "$here/key-info.der"

# Two bytes of length, the server's certificate, and the intermediate one.
seed() {
    local name=$1 leaf=$2 between=${3:-/dev/null} len
    len=$(stat -c %s "$leaf")
    { printf '%b' "$(printf '\\x%02x\\x%02x' $((len / 256)) $((len % 256)))"; cat "$leaf" "$between"; } \
        >"$here/../seeds/transport/certificate/$name"
}
seed leaf leaf.der
seed constrained constrained.der between.der
seed without-between constrained.der
seed weak weak.der
seed ca ca.der

# The key in PKCS #8, and in the form that openssl makes.
{ cat ca.pem; echo %%%; cat client.pem; echo %%%; openssl pkcs8 -topk8 -nocrypt -in client.key; } \
    >"$here/../seeds/transport/pem/throw-away-key"
{ cat ca.pem ca.pem; echo %%%; cat client.pem; echo %%%; cat client.key; } >"$here/../seeds/transport/pem/sec1-key"
{ cat ca.pem; echo %%%; cat client.pem; echo %%%; cat leaf.key; } >"$here/../seeds/transport/pem/another-key"
# Without line ends, as after careless copying.
{ tr -d '\n' <ca.pem; echo; echo %%%; cat client.key client.pem | tr -d '\n'; echo; echo %%%; cat client.key; } \
    >"$here/../seeds/transport/pem/one-line"
