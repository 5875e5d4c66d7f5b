#!/bin/sh
# Runs the published ARP services (gateway, coordinator, stores, registry, executor), and has a node start a run there
# with a token of its broker, follow it to its end and read its events, a line each.
#
#   stack.sh              with the stub's token service
#   stack.sh --keycloak   with a real Keycloak
#
# Both have the realm of server-stub/keycloak/arp-dev.json.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet -p server-stub -p jarvis-node
set -- "$@" "$target/debug/server-stub" "$target/debug/jarvis-node"
python=$(server-stub/published/python.sh)
case $1 in
--keycloak) exec server-stub/keycloak/run.sh "$python" server-stub/published/stack.py "$@" ;;
*) exec "$python" server-stub/published/stack.py "$@" ;;
esac
