# shellcheck shell=bash
# Sourced by the findings on Keycloak: fetches and starts Keycloak 26.7.3 from Maven Central with the realm on standard
# input, on a free port of loopback, and ends it with the script. Needs a JDK from 17 on, Maven and curl.
set -euo pipefail

keycloak_version=26.7.3
keycloak_sha256=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
# Further options of the server, which a script may set before it starts.
options=()
work=$(mktemp -d)
trap 'end_keycloak' EXIT

start_keycloak() {
    local archive=$work/keycloak-quarkus-dist-$keycloak_version.tar.gz port
    mvn -q -B dependency:copy -Dartifact="org.keycloak:keycloak-quarkus-dist:$keycloak_version:tar.gz" \
        -DoutputDirectory="$work" >&2
    echo "$keycloak_sha256  $archive" | sha256sum --check --quiet
    tar -xzf "$archive" -C "$work"
    mkdir -p "$work/keycloak-$keycloak_version/data/import"
    cat >"$work/keycloak-$keycloak_version/data/import/realm.json"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    url=http://127.0.0.1:$port
    setsid "$work/keycloak-$keycloak_version/bin/kc.sh" start-dev --import-realm --http-host=127.0.0.1 \
        --http-port="$port" "${options[@]}" >"$work/log" 2>&1 &
    keycloak=$!
    for _ in $(seq 600); do
        if curl -sf -o "$work/found" "$url/realms/finding"; then return; fi
        kill -0 "$keycloak" 2>/dev/null || break
        sleep 1
    done
    cat "$work/log" >&2
    return 1
}

end_keycloak() {
    if [[ -n ${keycloak-} ]]; then
        kill -TERM -- "-$keycloak" 2>/dev/null || true
        wait "$keycloak" || true
    fi
    rm -rf "$work"
}

# ask_token CURL-ARGUMENT…: the token endpoint's status and answer.
ask_token() { curl -s -w '\n%{http_code}\n' "$url/realms/finding/protocol/openid-connect/token" "$@"; }

# judge EXPECTED SEEN: prints what was seen, and fails if it is something else.
judge() {
    printf 'Keycloak %s\n%s\n' "$keycloak_version" "$2"
    [[ $2 == "$1" ]] || { printf 'The behaviour has changed; seen before:\n%s\n' "$1" >&2; exit 1; }
}
