#!/usr/bin/env bash
# Runs the fuzz targets one after the other, on one core:
#
#   fuzz/run.sh [--seconds N] [TARGET…]     N seconds each (10), all targets if none is named
#
# Exits 1 if a target finds a fault, and names the file with the input that leads to it. Needs a C++ compiler for
# libFuzzer. Installs cargo-fuzz below target/tools. Works with the stable toolchain.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_FUZZ=0.13.2
seconds=10
targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=$2; shift ;;
        -*) echo "usage: fuzz/run.sh [--seconds N] [TARGET…]" >&2; exit 64 ;;
        *) targets+=("$1") ;;
    esac
    shift
done
builds=("${targets[@]}")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2)
    builds=("") # Without a name cargo-fuzz builds all targets, which is faster than one by one.
fi

target_dir=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target_dir/tools
if [ "$("$tools/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $CARGO_FUZZ" ]; then
    CARGO_TARGET_DIR=$tools/build cargo install cargo-fuzz --locked --version "$CARGO_FUZZ" --root "$tools" --quiet
    rm -rf "$tools/build"
fi

# Sanitizers are unstable flags. A toolchain without AddressSanitizer's library leaves our own assertions, which find
# most faults in code without `unsafe`.
export RUSTC_BOOTSTRAP=1
# A constant build time, so that an unchanged program is not built again.
export SOURCE_DATE_EPOCH=1780000000
host=$(rustc -vV | sed -n 's/^host: //p')
sanitizer=none
compgen -G "$(rustc --print sysroot)/lib/rustlib/$host/lib/librustc-*_rt.asan.a" >/dev/null && sanitizer=address
for target in "${builds[@]}"; do
    "$tools/bin/cargo-fuzz" build --fuzz-dir fuzz --target "$host" --target-dir "$target_dir/fuzz" \
        --sanitizer "$sanitizer" ${target:+"$target"}
done
built=$SECONDS

# Targets write small files very often: in memory, so as not to wear a disk.
TMPDIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" jarvis-node-fuzz-XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

table=
found=0
total=0
for target in "${targets[@]}"; do
    case $target in
        credential_store | pem) longest=8192 ;;
        *) longest=4096 ;;
    esac
    # A target's kind: the folder that its source lies in.
    kind=$(basename "$(dirname fuzz/targets/*/"$target.rs")")
    corpus=fuzz/corpus/$target artifacts=fuzz/artifacts/$target log=$TMPDIR/$target.log
    mkdir -p "$corpus" "$artifacts"
    code=0
    "$target_dir/fuzz/$host/release/$target" "$corpus" "fuzz/seeds/$kind/$target" \
        -dict="fuzz/dictionaries/$kind/$target.dict" -artifact_prefix="$artifacts/" -max_total_time="$seconds" \
        -max_len="$longest" -rss_limit_mb=512 -timeout=5 -print_final_stats=1 >"$log" 2>&1 || code=$?
    if [ "$code" = 70 ]; then
        # The limit counts wall-clock time, and another program may have used the CPU: once more, alone.
        slow=$(sed -n 's/^artifact_prefix=.*Test unit written to //p' "$log")
        if "$target_dir/fuzz/$host/release/$target" -timeout=5 "$slow" >>"$log" 2>&1; then
            code=0
            rm -f "$slow"
        fi
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    read -r coverage features < <(sed -n 's/^#.* cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 \2/p' "$log" | tail -n 1) || true
    line=$(printf '%-18s %10s runs %7s edges %7s features' "$target" "${runs:-?}" "${coverage:-?}" "${features:-?}")
    if [ "$code" != 0 ]; then
        found=1
        line+="   FOUND SOMETHING"
        grep -E -A 4 'panicked at|ERROR: |SUMMARY: ' "$log" | head -n 20 || true
        sed -n 's/^artifact_prefix=.*Test unit written to /the input: /p' "$log"
        echo "again: $target_dir/fuzz/$host/release/$target INPUT"
    fi
    echo "$line"
    table+=$line$'\n'
    total=$((total + ${runs:-0}))
done

printf '\n%s%s targets, %s runs, %s s to build and %s s to run, sanitizer: %s\n' \
    "$table" "${#targets[@]}" "$total" "$built" "$((SECONDS - built))" "$sanitizer"
exit "$found"
