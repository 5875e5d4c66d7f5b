#!/bin/sh
# Runs the published conformance checks (arp-conformance, tiers smoke and surface, --strict) against the stub's Run
# Gateway and Run Coordinator, over TLS, with its token service behind them. All must pass: 7 and 11.
set -eu
cd "$(dirname "$0")/../.."
cargo build --quiet -p server-stub
exec "$(server-stub/published/python.sh)" server-stub/published/conformance.py "${CARGO_TARGET_DIR:-target}/debug/server-stub"
