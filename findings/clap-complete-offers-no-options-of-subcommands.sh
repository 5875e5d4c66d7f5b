#!/usr/bin/env bash
# clap_complete 4.6.1 and 4.6.11: in a program whose name has a dash, bash is offered no option of a subcommand. For
# `two-words make` the generated script sets its state to `two__words__subcmd__make`, and has the options under
# `two__subcmd__words__subcmd__make`. It is valid bash, and offers the names of the subcommands, so that nothing looks
# wrong. 4.6.0 is right, and so is every version for a name without a dash. Stay at 4.6.0, or let a test complete an option.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
write() {
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<END
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
clap = { version = "=4.6.7", default-features = false, features = ["std"] }
clap_complete = "=$1"
[workspace]
END
    cat >"$work/$1/src/main.rs" <<'END'
use clap::{Arg, Command};

fn main() {
    let name = &*std::env::args().nth(1).unwrap().leak();
    let sub = Command::new("make").arg(Arg::new("size").long("size"));
    let mut command = Command::new(name).subcommand(sub);
    clap_complete::generate(clap_complete::Shell::Bash, &mut command, name, &mut std::io::stdout());
}
END
}
# offered SCRIPT PROGRAM: what bash offers for "PROGRAM make --", by the function that the script registers.
offered() {
    # shellcheck disable=SC2016 # for that shell
    bash -c 'source "$1"; function=$(complete -p "$2" | grep -oP "(?<=-F )\S+"); COMP_WORDS=("$2" make --) COMP_CWORD=2
        "$function" "$2" -- make; echo "${COMPREPLY[*]-}"' bash "$1" "$2"
}

seen=''
for version in 4.6.0 4.6.1 4.6.11; do
    write "$version"
    for program in two-words oneword; do
        (cd "$work/$version" && CARGO_TARGET_DIR=$work/target cargo run --quiet -- "$program") >"$work/$program.bash"
        seen+="$version, $program make --: $(offered "$work/$program.bash" "$program")"$'\n'
    done
done
printf '%s' "$seen"
expected='4.6.0, two-words make --: --size
4.6.0, oneword make --: --size
4.6.1, two-words make --: 
4.6.1, oneword make --: --size
4.6.11, two-words make --: 
4.6.11, oneword make --: --size
'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
