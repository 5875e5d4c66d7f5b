//! `systemd/install.sh` and `systemd/uninstall.sh` on a card. They need root.

mod card;
mod credential;
mod moved;
mod placed;
mod unit;
mod voice_node;
mod whose;

use std::fs;
use std::path::{Path, PathBuf};

use test_support::process::Ended;

/// What a script printed, both outputs together, with its exit code before it.
fn told((code, out, err): Ended) -> (Option<i32>, String) {
    (code, out + &err)
}

/// A file beside a card, as a person has it at hand.
fn at_hand(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}
