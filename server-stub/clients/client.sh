#!/bin/sh
# Generates clients from the OpenAPI documents that the stub serves and plays the recorded exchanges with them; see
# client.py. The generator (requirements.txt) is installed into target/openapi-venv the first time. Needs Python 3.11 or
# newer with venv.
set -eu
cd "$(dirname "$0")/../.."
cargo build --quiet -p server-stub
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# What was installed from another list is not used.
venv=$target/openapi-venv/$(sha256sum server-stub/clients/requirements.txt | head -c 8)
if [ ! -e "$venv/complete" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r server-stub/clients/requirements.txt >&2
    touch "$venv/complete"
fi
exec "$venv/bin/python" -B server-stub/clients/client.py "$target/debug/server-stub"
