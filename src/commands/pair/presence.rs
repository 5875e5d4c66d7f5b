//! Whether somebody is at the board: pairing opens a port to everyone on the network, so nothing from the network, and no
//! mere start of the system, may begin it.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::PairError;
use crate::files::durable;

/// The file on the boot partition that stands for somebody who has the card in hand. Notepad adds the ending.
const FILES: [&str; 4] = [
    "/boot/firmware/jarvis-pair",
    "/boot/firmware/jarvis-pair.txt",
    "/boot/jarvis-pair",
    "/boot/jarvis-pair.txt",
];

/// Checks that somebody typed the command, or put `file` where it is, by default on the boot partition. The file is taken
/// away, so that it counts once.
///
/// # Errors
/// When nobody is there by that, or the file would still be there at the next start.
pub(super) fn prove(file: Option<&Path>) -> Result<(), PairError> {
    if file.is_none() && io::stdin().is_terminal() {
        return Ok(());
    }
    let files = file.map_or_else(|| FILES.map(PathBuf::from).into(), |file| vec![file.to_owned()]);
    let mut there = files.into_iter().filter(|file| file.symlink_metadata().is_ok()).peekable();
    if there.peek().is_none() {
        return Err(PairError::NobodyThere);
    }
    there.try_for_each(|file| take_away(&file).map_err(|why| PairError::FileStays(file, why)))
}

fn take_away(file: &Path) -> io::Result<()> {
    // If another start has just taken it, this one has no proof.
    std::fs::remove_file(file)?;
    durable::sync_folder(durable::folder(file))
}
