#!/bin/sh
# Prints the path of a Python that has the published ARP packages of requirements.txt. The first time it installs them
# into target/published-venv. Needs Python 3.11 or newer with venv.
set -eu
cd "$(dirname "$0")/../.."
# What was installed from another list is not used.
list=$(sha256sum server-stub/published/requirements.txt | head -c 8)
venv=$(realpath -m "${CARGO_TARGET_DIR:-target}")/published-venv/$list

mkdir -p "$venv"
exec 9>"$venv.lock"
flock 9
if [ ! -e "$venv/complete" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r server-stub/published/requirements.txt >&2
    touch "$venv/complete"
fi
printf '%s\n' "$venv/bin/python"
