#!/usr/bin/env bash
# Records the answers of Keycloak for the stub's tests (record.py), from one without and one with a hostname.
#
#   record.sh             writes them
#   record.sh --check     fails if an answer is not the recorded one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

version=$(sed -n 's/^version=//p' prepare.sh)
# It signs with the package cryptography, which the published services need, too.
python=$(../published/python.sh)
export version python
# shellcheck disable=SC2016 # The variables are those of the inner shell.
record='exec "$python" record.py "$KEYCLOAK_HTTP" "$version" "$@"'
./run.sh bash -c "$record" record "$@"
KC_HOSTNAME=https://sts.example KC_HOSTNAME_BACKCHANNEL_DYNAMIC=true ./run.sh bash -c "$record" record --named "$@"
