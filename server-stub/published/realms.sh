#!/bin/sh
# Imports the published realm files unchanged into a token service, and checks that their clients get tokens and that an
# exchange is refused for want of a setting, which the stub names when it starts.
#
#   realms.sh              into the stub's token service
#   realms.sh --keycloak   into a real Keycloak
#
# One file is arp-sts-keycloak's. The other has the settings of JARVIS_Release's, which is on GitHub alone.
set -eu
cd "$(dirname "$0")/../.."
stub=${CARGO_TARGET_DIR:-target}/debug/server-stub
cargo build --quiet -p server-stub
python=$(server-stub/published/python.sh)
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
helper=$("$python" -c 'import arp_sts_keycloak.assets as assets; print(assets.__path__[0] + "/realm-export.json")')
PYTHONPATH=server-stub/published "$python" -c 'import sys, realms; realms.write_like_release(*sys.argv[1:])' \
    server-stub/keycloak/arp-dev.json "$files/release.json"
set -- "$@" "$stub" "$helper" "$files/release.json"
case $1 in
--keycloak)
    server-stub/keycloak/run.sh --realm "$helper" --realm "$files/release.json" \
        "$python" server-stub/published/realms.py "$@"
    ;;
*) "$python" server-stub/published/realms.py "$@" ;;
esac
