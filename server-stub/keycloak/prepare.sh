#!/usr/bin/env bash
# Prints the folder of a Keycloak that starts fast. The first time it fetches Keycloak from Maven Central, verifies it
# and prepares it below target/keycloak: it is built for its embedded database, that database has the administrator
# (admin, with the password admin), and Java has an archive of the classes. Needs a JDK from 17 on and Maven.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=26.7.3
sha256=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
# What was prepared otherwise than this file says is not used.
recipe=$(sha256sum server-stub/keycloak/prepare.sh | head -c 8)
folder=$(realpath -m "${CARGO_TARGET_DIR:-target}")/keycloak
prepared=$folder/$version-$recipe
# Written last: what has it is complete.
ready=$prepared/prepared

# shellcheck source-path=SCRIPTDIR source=../../.ci/packages.sh
source .ci/packages.sh

main() {
    if [[ ! -e $ready ]]; then
        require java:openjdk-17-jre-headless mvn:maven flock:util-linux
        mkdir -p "$folder"
        local turn
        exec {turn}>"$folder/lock"
        flock "$turn"
        [[ -e $ready ]] || prepare
    fi
    printf '%s\n' "$prepared"
}

prepare() {
    say "preparing Keycloak $version: 176 MB to fetch, and a minute or two of work"
    rm -rf "$folder/$version-"*
    mkdir "$prepared"
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:tar.gz" -DoutputDirectory="$prepared" >"$prepared/log" 2>&1 || failed
    local archive=$prepared/keycloak-quarkus-dist-$version.tar.gz
    sha256sum --check --quiet <<<"$sha256  $archive" || die "Keycloak's archive is not the expected one."
    tar -xzf "$archive" -C "$prepared" --strip-components=1
    rm "$archive"
    "$prepared/bin/kc.sh" build --db=dev-file >>"$prepared/log" 2>&1 || failed
    # bootstrap-admin makes the database, and ends.
    KC_BOOTSTRAP_ADMIN_PASSWORD="admin" "$prepared/bin/kc.sh" bootstrap-admin user --optimized --username admin \
        --password:env KC_BOOTSTRAP_ADMIN_PASSWORD >>"$prepared/log" 2>&1 || failed
    touch "$ready"
}

failed() {
    cat "$prepared/log" >&2
    die "Keycloak $version could not be prepared; what it said stands above."
}

main
