# shellcheck shell=bash
# Whoever sources this sets the rest.
# shellcheck disable=SC2154
# Lays out the files of packages and tarballs, and lists what is in the programs. Sourced by build.sh.

# What take_over.sh sources.
readonly moved_over=(installation.sh move.sh old.sh program.sh removal.sh voice_node.sh)

# stage_node ARCH: the files of the Debian package, in the folders that [package.metadata.deb] in Cargo.toml names, and
# those of the tarball, which install.sh installs.
stage_node() {
    local package=$stage/jarvis-node tarball=$stage/tarball/jarvis-node-$version-linux-$1 unit
    rm -rf "$package" "$stage/tarball"
    install -D -m 0755 -t "$package/bin" "$work/cargo/${targets[$1]}/release/jarvis-node"
    install -D -m 0644 -t "$package/lib" "${moved_over[@]/#/systemd/parts/}"
    install -D -m 0755 -t "$package" packaging/debian/take_over.sh
    # The units of the repository name the place where install.sh puts the program.
    mkdir -p "$package/units"
    for unit in systemd/*.service systemd/*.path; do
        sed 's|/usr/local/bin/|/usr/bin/|' "$unit" >"$package/units/${unit##*/}"
    done
    install -D -m 0644 systemd/jarvis-node-agent.sysusers "$package/sysusers/jarvis-node-agent.conf"
    install -D -m 0644 systemd/jarvis-node-agent.tmpfiles "$package/tmpfiles/jarvis-node-agent.conf"
    install -D -m 0644 -t "$package/rules" systemd/*.rules
    stage_scripts "$package/scripts"
    stage_copyright "$package"
    take_inventory jarvis-node "$1"
    stage_documents "$package/doc"
    stage_manual jarvis-node "$package/share"
    install -D -m 0644 packaging/debian/lintian-overrides "$package/share/lintian/overrides/jarvis-node"

    install -D -m 0755 -t "$tarball" "$package/bin/jarvis-node"
    cp -r systemd README.md LICENSE-* CHANGELOG.md "$stage/licences.txt" "$tarball"
    stage_manual jarvis-node "$tarball/share"
}

stage_scripts() {
    mkdir -p "$1"
    cp packaging/debian/{postinst,prerm} "$1"
    sed -e '/^@removal.sh@$/{r systemd/parts/removal.sh' -e 'd}' packaging/debian/postrm >"$1/postrm"
}

stage_documents() {
    install -D -m 0644 -t "$1/examples" systemd/config.example.json
    {
        printf 'jarvis-node (%s) stable; urgency=medium\n\n  * What changed is in CHANGELOG.md.gz.\n\n' "$version"
        printf ' -- the jarvis-node authors <maintainers@jarvis-node.invalid>  %s\n' \
            "$(LC_ALL=C date -uR -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n >"$1/changelog.gz"
    gzip -9nc CHANGELOG.md >"$1/CHANGELOG.md.gz"
    gzip -9nc "$stage/licences.txt" >"$1/licences.txt.gz"
}

stage_copyright() {
    # The Expat licence in the form of a paragraph of this file: indented, and a dot in empty lines.
    sed -e '1,/^$/d' -e 's/^$/./' -e 's/^/ /' LICENSE-MIT >"$1/licence"
    sed -e "/^@MIT@\$/{r $1/licence" -e 'd}' packaging/debian/copyright >"$1/copyright"
    rm "$1/licence"
}

# stage_manual PROGRAM SHARE: its manual pages, completions and configuration's schema, where Debian's programs have them.
# They are written from the program's own definitions, by a program for this machine.
stage_manual() {
    local page
    if [[ ! -d $stage/manual ]]; then
        # Without the variables of the static builds, which would have half of the workspace built anew.
        env -u JARVIS_NODE_GIT_SHA -u SOURCE_DATE_EPOCH cargo build --quiet --locked --package manual
        target/debug/manual "$stage/manual"
    fi
    for page in "$stage/manual/man/$1".{,*.}[0-9]; do
        [[ -f $page ]] || continue
        install -d "$2/man/man${page##*.}"
        gzip -9nc "$page" >"$2/man/man${page##*.}/${page##*/}.gz"
    done
    install -D -m 0644 "$stage/manual/completions/$1.bash" "$2/bash-completion/completions/$1"
    install -D -m 0644 "$stage/manual/completions/_$1" "$2/zsh/vendor-completions/_$1"
    install -D -m 0644 "$stage/manual/completions/$1.fish" "$2/fish/vendor_completions.d/$1.fish"
    [[ ! -f $stage/manual/schema/$1.json ]] ||
        install -D -m 0644 "$stage/manual/schema/$1.json" "$2/$1/configuration.schema.json"
    [[ ! -d $stage/manual/openapi/$1 ]] ||
        install -D -m 0644 -t "$2/$1/openapi" "$stage/manual/openapi/$1"/*.json
}

# stage_program PROGRAM ARCH: the files of its tarball.
stage_program() {
    local tarball=$stage/tarball/$1-$version-linux-$2
    install -D -m 0755 -t "$tarball" "$work/cargo/${targets[$2]}/dist/$1"
    take_inventory "$1" "$2"
    stage_manual "$1" "$tarball/share"
    cp LICENSE-* CHANGELOG.md "$stage/licences.txt" "$tarball"
}

# take_inventory PROGRAM ARCH: its bill of materials goes to the artefacts, its licences to $stage/licences.txt.
take_inventory() {
    python3 -B packaging/inventory.py "$1" "${targets[$2]}" "$out.new/$1-$version-linux-$2.cdx.json" "$stage/licences.txt"
}
