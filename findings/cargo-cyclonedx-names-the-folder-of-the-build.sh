#!/usr/bin/env bash
# cargo-cyclonedx 0.5.9: the identifiers of a workspace's own packages in its bill of materials (`bom-ref`, and `ref` below
# `dependencies`) are `path+file://` with the absolute folder of the build. SOURCE_DATE_EPOCH makes its time and serial number
# reproducible, but not these: two folders make two files, and a published one tells where it was built. Replace the
# folder in the finished file.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo install --quiet --locked --debug --root "$work" cargo-cyclonedx --version 0.5.9
# bill FOLDER: what it writes for a package in that folder.
bill() {
    mkdir -p "$1/src" "$1/dependency/src"
    touch "$1/src/lib.rs" "$1/dependency/src/lib.rs"
    printf '[package]\nname = "dependency"\nversion = "0.0.0"\nedition = "2024"\n' >"$1/dependency/Cargo.toml"
    printf '[package]\nname = "finding"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\ndependency = { path = "dependency" }\n' \
        >"$1/Cargo.toml"
    (cd "$1" && SOURCE_DATE_EPOCH=0 PATH=$work/bin:$PATH cargo cyclonedx --quiet --format json --spec-version 1.5)
    cat "$1/finding.cdx.json"
}

"$work/bin/cargo-cyclonedx" cyclonedx --version
first=$(bill "$work/first") second=$(bill "$work/second")
seen=$(grep -oE '"(bom-ref|ref)": .*' <<<"$first" | sed "s|$work|WORK|")
[[ ${first//"$work/first"/} == "${second//"$work/second"/}" ]] && seen+=$'\nApart from the folder, both files are the same.'
[[ $first != "$second" ]] || seen+=$'\nBoth files are the same.'
printf '%s\n' "$seen"
expected='"bom-ref": "path+file://WORK/first#finding@0.0.0",
"bom-ref": "path+file://WORK/first#finding@0.0.0 bin-target-0",
"bom-ref": "path+file://WORK/first/dependency#0.0.0",
"ref": "path+file://WORK/first#finding@0.0.0",
"ref": "path+file://WORK/first/dependency#0.0.0"
Apart from the folder, both files are the same.'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
