//! The programs of this workspace. Cargo builds only a package's own programs for its tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The device's binary.
///
/// # Panics
/// If it does not build.
pub fn jarvis_node() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("jarvis-node", &[]))
}

/// The binary of the program `name`, which cargo builds with these further arguments if it is out of date.
///
/// # Panics
/// If it does not build.
pub fn built(name: &str, arguments: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // The whole workspace decides on features, as it does in `cargo test --workspace`: nothing is built twice.
    cargo
        .args(["build", "--quiet", "--workspace", "--bin", name, "--message-format", "json"])
        .args(arguments);
    // With the variables that cargo sets for the running test, build scripts would run again.
    for (variable, _) in std::env::vars_os() {
        let of_a_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if variable.to_str().is_some_and(of_a_package) {
            cargo.env_remove(variable);
        }
    }
    let output = cargo.current_dir(root).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{name} does not build");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["executable"].as_str().map(Into::into))
        .next_back()
        .unwrap()
}
