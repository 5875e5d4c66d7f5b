#!/bin/sh
# Runs the published conformance checks (arp-conformance, tiers smoke and surface, --strict) against the
# stub's Run Gateway, over TLS, with its coordinator and token service behind it. All seven must pass.
# Needs Python 3.11 or newer with venv; installs the checks into target/conformance-venv.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
venv=$target/conformance-venv
version=0.3.7

cargo build --quiet -p server-stub
if ! "$venv/bin/python" -c "import sys, importlib.metadata as m
sys.exit(m.version('arp-conformance') != '$version')" 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "arp-conformance==$version"
fi
exec "$venv/bin/python" server-stub/conformance.py "$target/debug/server-stub"
