#!/usr/bin/env bash
# OpenSSL 3.0.19 and rustls-webpki 0.103.16: the usual recipe for a certificate of a private CA, `openssl x509 -req -CA
# ca.pem -CAkey ca.key`, writes X.509 version 1 unless it is given extensions (`-extfile` or `-copy_extensions`), while
# `openssl req -x509` of the same OpenSSL writes version 3. webpki takes no version 1 at all, for servers and for clients,
# and says `UnsupportedCertVersion`, which names neither the certificate nor the missing option. `openssl verify`
# takes both. Sign with `-extfile <(echo subjectAltName=DNS:NAME)`, and name the version in the message.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'END'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
rustls-webpki = { version = "=0.103.16", default-features = false, features = ["alloc"] }
rustls-pki-types = { version = "=1.15.1", features = ["std"] }
[workspace]
END
cat >"$work/src/main.rs" <<'END'
fn main() {
    for path in std::env::args().skip(1) {
        let der = rustls_pki_types::CertificateDer::from(std::fs::read(path).unwrap());
        match webpki::EndEntityCert::try_from(&der) {
            Ok(_) => println!("taken"),
            Err(why) => println!("{why:?}"),
        }
    }
}
END

cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=ca -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=node -keyout node.key -out node.csr 2>/dev/null
openssl x509 -req -in node.csr -CA ca.pem -CAkey ca.key -outform der -out plain.der 2>/dev/null
echo subjectAltName=DNS:node >extensions
openssl x509 -req -in node.csr -CA ca.pem -CAkey ca.key -extfile extensions -outform der -out extended.der 2>/dev/null
openssl x509 -in ca.pem -outform der -out ca.der

version() { openssl x509 -inform der -in "$1" -noout -text | sed -n 's/^ *Version: \([0-9]\).*/\1/p'; }
mapfile -t read < <(cargo run --quiet --manifest-path Cargo.toml -- ca.der plain.der extended.der)
for name in plain extended; do openssl x509 -inform der -in "$name.der" -out "$name.pem"; done
seen="req -x509: version $(version ca.der), ${read[0]}
x509 -req: version $(version plain.der), ${read[1]}
x509 -req -extfile: version $(version extended.der), ${read[2]}
$(openssl verify -CAfile ca.pem plain.pem extended.pem)"
openssl version
printf '%s\n' "$seen"
expected='req -x509: version 3, taken
x509 -req: version 1, UnsupportedCertVersion
x509 -req -extfile: version 3, taken
plain.pem: OK
extended.pem: OK'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
