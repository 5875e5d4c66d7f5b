# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# The programs that make packages and lists of what is in them, pinned. Sourced by build.sh.

# cargo_tool NAME VERSION builds a Cargo command and puts it on the PATH.
cargo_tool() {
    local name=$1 version=$2 tools=$root/target/tools
    shift 2
    PATH=$tools/bin:$PATH
    [[ $(awk -v tool="$name" '$1 == "\"" tool { print $2 }' "$tools/.crates.toml" 2>/dev/null) != "$version" ]] || return 0
    say "building $name $version (once)"
    # Without optimisation they are built in a third of the time, and make a package in a second.
    CARGO_TARGET_DIR=$tools/build RUSTFLAGS='' cargo install "$name" --version "$version" --locked --debug --root "$tools" \
        --quiet "$@" || die "cargo could not install $name $version; see its message above."
}

install_tools() {
    cargo_tool cargo-deb 3.8.0
    cargo_tool cargo-cyclonedx 0.5.9
}
