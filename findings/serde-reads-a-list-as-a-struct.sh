#!/usr/bin/env bash
# serde 1.0.228 with serde_json 1.0.145: a derived struct is also read from a JSON list, field by field in the order of
# their declaration. An answer `[true,"kitchen"]` is then as good as `{"valid":true,"node":"kitchen"}`, though no
# attribute asks for it. A client that must take objects only has to look at the first character itself.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'END'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
serde_json = "=1.0.145"
[workspace]
END
cat >"$work/src/main.rs" <<'END'
#[derive(Debug, serde::Deserialize)]
#[allow(dead_code)]
struct Answer {
    valid: bool,
    node: Option<String>,
}

fn main() {
    for text in [r#"{"valid":true,"node":"kitchen"}"#, r#"[true,"kitchen"]"#] {
        println!("{text} -> {:?}", serde_json::from_str::<Answer>(text).map_err(|error| error.to_string()));
    }
}
END

seen=$(cargo run --quiet --manifest-path "$work/Cargo.toml" --target-dir "$work/target")
printf '%s\n' "$seen"
expected='{"valid":true,"node":"kitchen"} -> Ok(Answer { valid: true, node: Some("kitchen") })
[true,"kitchen"] -> Ok(Answer { valid: true, node: Some("kitchen") })'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
