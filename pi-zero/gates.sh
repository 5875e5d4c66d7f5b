# shellcheck shell=bash
# Checks that a program is fit for a Pi Zero. Sourced by build.sh; a failing check ends the script with a sentence that
# says what is wrong.
: "${root:?set by the script that sources this}" "${work:?set by the script that sources this}"

# The ARM1176 runs ARMv6K code with VFPv2. One object file built for a newer CPU ends the program with SIGILL.
gate_armv6_hard_float() {
    local attributes architecture floating
    attributes=$(readelf -A "$1")
    architecture=$(awk '/Tag_CPU_arch:/ { print $2 }' <<<"$attributes")
    floating=$(awk '/Tag_FP_arch:/ { print $2 }' <<<"$attributes")
    case $architecture in
    v4 | v4T | v5T | v5TE | v5TEJ | v6 | v6K | v6KZ) ;;
    *) die "$1 is built for ARM ${architecture:-of unknown architecture}; a Pi Zero is ARMv6. Look for a C compiler that was not zig." ;;
    esac
    case $floating in
    VFPv1 | VFPv2) ;;
    *) die "$1 wants the floating-point unit '${floating:-none}'; a Pi Zero has VFPv2." ;;
    esac
    readelf -h "$1" | grep -q 'Flags:.*hard-float ABI' || die "$1 is not built for the hard-float ABI of Raspberry Pi OS."
    say "ok: ${1#"$root"/} is ARM$architecture with $floating"
}

gate_static() {
    if readelf -l "$1" | grep -q INTERP || readelf -d "$1" | grep -q NEEDED; then
        die "$1 is dynamically linked: it would run only where the same C library is."
    fi
    say "ok: ${1#"$root"/} is statically linked"
}

# glibc loads plugins (NSS) at run time for some functions, in a static program too, and fails if their version
# differs. A dynamically linked build of the same program shows which functions it calls.
gate_no_name_service() {
    local plugins
    plugins=$(readelf --dyn-syms --wide "$1" |
        grep -oE ' UND (getaddrinfo|gethostby[a-z0-9_]+|getserv[a-z_]+|getpw[a-z_]+|getgr(nam|gid|ent|ouplist)[a-z_]*|initgroups)' |
        sort -u | tr -d '\n') || true
    [[ -z $plugins ]] || die "$1 calls what glibc leaves to NSS plugins, which a static build cannot rely on:${plugins// UND/}."
    say "ok: ${1#"$root"/} calls nothing that glibc leaves to NSS plugins"
}

gate_size() {
    local size
    size=$(stat -c %s "$1")
    ((size <= $2)) || die "$1 has $size bytes; the budget is $2. 'cargo bloat' or 'nm --size-sort' show where they went."
    say "ok: ${1#"$root"/} has $size bytes of at most $2"
}

# A whole validation on an emulated ARM1176: name, TCP, TLS 1.3, HTTP, JSON, verdict. A server with a certificate of
# another authority must be refused, which shows that the first certificate was checked.
gate_validates() {
    local stub_dir other_dir status
    # Without what name_commit has set: ring would be compiled anew, and for the next one again, under tests that run.
    env -u JARVIS_NODE_GIT_SHA -u SOURCE_DATE_EPOCH cargo build --quiet --locked --package server-stub
    stub_dir=$(mktemp -d "$work/stub.XXXXXX")
    other_dir=$(mktemp -d "$work/stub.XXXXXX")
    start_stub "$stub_dir"
    start_stub "$other_dir"

    status=0
    qemu-arm-static -cpu arm1176 "$1" check --config "$stub_dir/config.json" >&2 || status=$?
    ((status == 0)) || die "'jarvis-node check' exited $status instead of 0 under qemu-arm-static; see its message above."

    cp "$other_dir/ca.pem" "$stub_dir/ca.pem"
    status=0
    qemu-arm-static -cpu arm1176 "$1" check --config "$stub_dir/config.json" >&2 || status=$?
    ((status == 76)) || die "'jarvis-node check' exited $status instead of 76 against a certificate it cannot trust."

    kill "${stubs[@]}"
    stubs=()
    rm -r "$stub_dir" "$other_dir"
    say "ok: ${1#"$root"/} validates over TLS on an ARM1176, and refuses a certificate of another authority"
}

stubs=()
trap '((${#stubs[@]} == 0)) || kill "${stubs[@]}" 2>/dev/null || true' EXIT

# Starts a stub on a free port and returns when it listens.
start_stub() {
    local listening announced
    exec {listening}< <(exec "$root/target/debug/server-stub" --listen 127.0.0.1:0 --dir "$1" 2>"$1/stub.log")
    stubs+=("$!")
    read -r -t 60 announced <&"$listening" || die "The server stub did not start: $(cat "$1/stub.log")"
    [[ $announced == *'"url"'* ]] || die "The server stub announced '$announced' instead of its address."
}
