# shellcheck shell=bash
# The steps of .ci/run: for each a line in the table and a function. Sourced by .ci/run.

# name | lane, or either of them | quick, for a step that a developer runs before a commit | description
readonly STEPS="
format        | cargo | quick | All Rust code is formatted.
layout        | cargo | quick | No file, folder, test name or README is larger than allowed.
imports       | cargo | quick | The modules of each crate import each other in one direction only.
scripts       | cargo | quick | shellcheck finds nothing in the shell scripts.
minimum-rust  | cargo |       | No locked dependency needs a newer Rust than the one declared in Cargo.toml.
dependencies  | cargo |       | cargo-deny accepts the dependencies: licences, advisories, duplicates, sources.
lints         | cargo | quick | clippy finds nothing, with and without GPIO through memory.
core          | cargo |       | The deciding half compiles without std and without an allocator.
documentation | cargo |       | rustdoc finds nothing.
crates        | cargo |       | The crates package themselves without a warning, and what is packaged compiles.
release       | cargo |       | A release that is not in order is refused; signatures and the apt repository are whole.
manual        | cargo |       | Manual pages and completion scripts are read without a warning by the programs that they are for.
tests         | cargo | quick | All tests of the workspace pass.
demo          | cargo |       | The demo runs to its end.
privileged    | cargo |       | The tests that need root, openssl, python3, go or other users pass.
conformance   | cargo |       | The published conformance checks accept the stub's Run Gateway and Run Coordinator; clients generated from the stub's OpenAPI documents understand every recorded exchange.
published     | cargo |       | A node's run at the published ARP services comes to its end with the stub's tokens, and the stub takes the published realms.
published-keycloak | cargo |  | The same with a real Keycloak in the stub's place.
keycloak      | cargo |       | A real Keycloak answers as recorded; a node works with it while it changes, stops and starts again.
browser       | cargo |       | The board's page works in a browser.
crash         | cargo |       | A credential survives a kill at every system call of its replacement, a node one of its move, and an installation one at every change.
names         | cargo |       | Names resolve on networks of namespaces.
unit          | cargo |       | systemd accepts the unit, and its sandbox is tight.
armv6         | board |       | The program for a Pi Zero builds, keeps to its size and validates under QEMU.
counts        | board |       | No work of the program costs more instructions than its budget, and no day more wake-ups or bytes.
board         | board |       | The emulated Pi Zero passes its tests.
board64       | board |       | The emulated Pi Zero 2 W takes the 64-bit package.
packages      | either|       | Two builds of the armhf package are the same, and the amd64 package passes lintian and its tests.
fuzz          | either|       | Each fuzz target runs for some seconds and finds nothing.
power-cuts    | either|       | A credential survives power cuts of the emulated board, also while dpkg installs the package, in short.
soak          | either|       | The emulated board stays within its budgets under continual trouble, in short.
"

# steps_where LANE QUICK prints the names of the steps whose columns match.
steps_where() { awk -F ' *[|] *' -v lane="^$1\$" -v quick="^$2\$" 'NF > 1 && $2 ~ lane && $3 ~ quick { print $1 }' <<<"$STEPS"; }
description_of() { awk -F ' *[|] *' -v step="$1" '$1 == step { print $4 }' <<<"$STEPS"; }

# All of them at once, so that one build serves the steps that run them.
special_tests=(--features "browser keycloak namespaces strace")

step_format() {
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
}

step_layout() {
    require python3:python3
    docs/development/layout.py
}

step_imports() {
    require python3:python3
    docs/development/imports.py
}

step_scripts() {
    require shellcheck:shellcheck
    git ls-files -z '*.sh' .ci packaging pi-zero/guest |
        xargs -0 grep -lZE '^#!.*\bsh\b|^#!.*bash|^# shellcheck shell' | xargs -0 shellcheck -x
}

step_lints() {
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
    cargo clippy -p jarvis-node --no-default-features --locked -- -D warnings
    # What only the fuzz targets call; they are built last of all.
    cargo clippy -p jarvis-node --lib --locked -- --cfg fuzzing -D warnings
}

step_core() {
    cargo clippy -p node-core --lib --locked -- -D warnings
}

step_documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
}

step_minimum_rust() {
    require python3:python3
    .ci/minimum_rust.py
}

step_crates() { .ci/crates.sh; }

step_release() {
    require python3:python3 minisign:minisign gpg:gnupg apt-ftparchive:apt-utils git:git
    packaging/tests/release_test.py
}

step_dependencies() {
    require python3:python3
    .ci/dependencies.sh
}

step_tests() {
    cargo test --workspace --locked
}

step_manual() {
    require mandoc:mandoc man:man-db zsh:zsh fish:fish
    cargo test -p manual --locked -- --ignored
}

step_demo() {
    cargo run --quiet -p node-sim --locked
}

step_privileged() {
    require openssl:openssl python3:python3 curl:curl setpriv:util-linux unshare:util-linux systemd-analyze:systemd userdel:passwd promtool:prometheus go:golang-go
    cargo test -p node-sim --locked --test all -- --ignored --skip speed::
}

step_conformance() {
    python3 -c 'import ensurepip' || require no-such-command:python3-venv
    server-stub/published/conformance.sh
    server-stub/clients/client.sh
}

step_published() {
    python3 -c 'import ensurepip' || require no-such-command:python3-venv
    server-stub/published/stack.sh
    server-stub/published/realms.sh
}

step_published_keycloak() {
    python3 -c 'import ensurepip' || require no-such-command:python3-venv
    server-stub/published/stack.sh --keycloak
    server-stub/published/realms.sh --keycloak
}

step_keycloak() {
    require javac:openjdk-17-jdk-headless mvn:maven openssl:openssl
    python3 -c 'import ensurepip' || require no-such-command:python3-venv
    server-stub/keycloak/record.sh --check
    cargo test -p node-sim --locked "${special_tests[@]}" --test keycloak -- --ignored --skip budgets::
}

step_browser() {
    require chromium:chromium chromedriver:chromium-driver
    cargo test -p node-sim --locked "${special_tests[@]}" --test browser -- --ignored
}

step_crash() {
    require strace:strace userdel:passwd
    cargo test -p node-sim --locked "${special_tests[@]}" --test crash -- --ignored --nocapture
}

step_names() {
    require ip:iproute2 iptables:iptables dnsmasq:dnsmasq-base named:bind9 avahi-daemon:avahi-daemon
    cargo test -p node-sim --locked "${special_tests[@]}" --test names -- --ignored
}

step_fuzz() {
    require c++:g++
    fuzz/run.sh --seconds 5
}

step_unit() {
    require systemd-analyze:systemd
    systemd/check.sh
}

step_armv6() { pi-zero/build.sh; }
step_counts() { pi-zero/count.sh; }
step_board() { pi-zero/test.sh; }
step_board64() { pi-zero/test.sh zero2w_board; }
step_packages() {
    packaging/reproducible.sh --only armhf
    packaging/test.sh
}
step_power_cuts() { pi-zero/power_cuts.sh --cuts 4 --package-cuts 2; }
step_soak() { pi-zero/soak.sh --minutes 2; }
