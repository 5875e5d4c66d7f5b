#!/usr/bin/env bash
# Runs Keycloak with realms of ours on free ports of loopback, over TLS and plain.
#
#   run.sh                      until it is interrupted. Once Keycloak is ready, a line of JSON says where it is.
#   run.sh COMMAND…             while COMMAND runs, which finds it in KEYCLOAK_HTTPS, KEYCLOAK_HTTP and KEYCLOAK_CA
#
#   --realm FILE                a realm to import, instead of arp-dev.json; may be repeated
#   --directory DIR             keeps the database, the certificates and the log there; a second start finds the realms
#                               as they were left
#   --http-port N, --https-port N   these ports
#
# The administrator is admin, with the password admin. Keycloak ends with this script, however that ends. The first run
# prepares Keycloak (prepare.sh). Needs a JDK from 17 on, Maven and openssl.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../.ci/packages.sh
source "$here/../../.ci/packages.sh"

realms=() directory="" http_port=0 https_port=0
keycloak="" command=""

main() {
    while (($#)); do
        case $1 in
        --realm | --directory | --http-port | --https-port)
            (($# > 1)) || die "$1 needs a value."
            case $1 in
            --realm) realms+=("$2") ;;
            --directory) directory=$2 ;;
            --http-port) http_port=$2 ;;
            --https-port) https_port=$2 ;;
            esac
            shift 2
            ;;
        --)
            shift
            break
            ;;
        -*) die "There is no option $1." ;;
        *) break ;;
        esac
    done
    ((${#realms[@]})) || realms=("$here/arp-dev.json")

    trap end EXIT
    trap 'exit 130' INT TERM HUP
    require openssl:openssl
    prepared=$("$here/prepare.sh")
    make_home
    start
    wait_until_ready
    if (($#)); then
        KEYCLOAK_HTTPS=$https KEYCLOAK_HTTP=$http KEYCLOAK_CA=$home/ca.pem "$@" <&0 &
        command=$!
        wait "$command"
    else
        printf '{"https":"%s","http":"%s","ca":"%s"}\n' "$https" "$http" "$home/ca.pem"
        wait "$keycloak"
    fi
}

# Everything that a run writes is in its own folder; the prepared Keycloak is only read.
make_home() {
    if [[ -n $directory ]]; then
        mkdir -p "$directory"
        home=$(realpath "$directory")
    else
        home=$(mktemp -d)
        temporary=$home
    fi
    mkdir -p "$home/data/import"
    [[ -d $home/data/h2 ]] || cp -R "$prepared/data/h2" "$home/data/"
    ln -sfn "$prepared/lib" "$home/lib"
    ln -sfn "$prepared/providers" "$home/providers"
    ln -sfn "$prepared/themes" "$home/themes"
    ln -sfn "$prepared/conf" "$home/conf"
    local realm number=0
    for realm in "${realms[@]}"; do
        [[ -r $realm ]] || die "The realm file $realm cannot be read."
        cp "$realm" "$home/data/import/$((number += 1)).json"
    done
    [[ -e $home/ca.pem ]] || make_certificates
}

# A CA, and a certificate of it for localhost.
make_certificates() {
    local new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -batch)
    {
        "${new[@]}" -subj "/CN=Keycloak's CA" -keyout "$home/ca.key" -out "$home/ca.pem.new" \
            -addext keyUsage=critical,keyCertSign,cRLSign
        "${new[@]}" -subj /CN=localhost -keyout "$home/server.key" -out "$home/server.pem" \
            -CA "$home/ca.pem.new" -CAkey "$home/ca.key" -addext basicConstraints=critical,CA:FALSE \
            -addext subjectAltName=DNS:localhost,IP:127.0.0.1
    } 2>"$home/openssl.log" || { cat "$home/openssl.log" >&2 && die "openssl made no certificate for Keycloak."; }
    mv "$home/ca.pem.new" "$home/ca.pem"
}

start() {
    local options=(start --optimized -Dkc.home.dir="$home" --import-realm --cache=local --hostname-strict=false
        --http-enabled=true --http-host=127.0.0.1 --http-port="$http_port" --https-port="$https_port"
        --https-certificate-file="$home/server.pem" --https-certificate-key-file="$home/server.key")
    # What an earlier run said in it would read as ready.
    : >"$home/log"
    # The quick compiler alone: most of what runs here runs once.
    JAVA_OPTS_APPEND="-XX:TieredStopAtLevel=1" ending_with_this "$prepared/bin/kc.sh" "${options[@]}" >"$home/log" 2>&1 &
    keycloak=$!
}

# Runs a command that the kernel ends when this script is killed, where the system can do that.
ending_with_this() {
    if command -v setpriv >/dev/null; then exec setpriv --pdeathsig TERM "$@"; fi
    exec "$@"
}

wait_until_ready() {
    local line
    until line=$(grep -o 'Listening on: .*' "$home/log"); do
        if ! kill -0 "$keycloak" 2>/dev/null; then
            cat "$home/log" >&2
            die "Keycloak ended before it was ready; what it said stands above."
        fi
        sleep 0.2
    done
    http=$(grep -o 'http://[0-9.:]*' <<<"$line")
    https=$(grep -o 'https://[0-9.:]*' <<<"$line")
    # The name in its certificate, and the host of the realm's well-known issuer.
    http=http://localhost:${http##*:}
    https=https://localhost:${https##*:}
}

end() {
    trap - EXIT
    local process
    for process in $command $keycloak; do
        kill -TERM "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    [[ -z ${temporary-} ]] || rm -rf "$temporary"
}

main "$@"
