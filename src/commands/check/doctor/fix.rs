//! `--fix`: what can be done without asking. Each step only restores what the package made, or what a secret file has to be.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::process::Command;
use std::{fs, io};

use rustix::fs::OFlags;

use super::finding::{Finding, Safe};

/// Makes the safe fixes of these findings. Returns what was done and what was not, a sentence each.
pub(super) fn repair(findings: &[Finding]) -> Vec<String> {
    findings.iter().filter_map(|found| found.safe.as_ref()).map(make).collect()
}

fn make(safe: &Safe) -> String {
    let (what, done) = match safe {
        Safe::Run(command) => (command.join(" "), run(command)),
        Safe::Own { file, owner, mode } => {
            let to = owner.map_or(String::new(), |owner| format!("owner {owner}, "));
            (format!("{}: {to}mode {mode:o}", file.display()), own(file, *owner, *mode))
        }
    };
    match done {
        Ok(()) => what,
        Err(why) => format!("not done: {what}: {why}"),
    }
}

fn run(command: &[&str]) -> io::Result<()> {
    let [program, arguments @ ..] = command else { return Ok(()) };
    let ended = Command::new(program).args(arguments).status()?;
    if ended.success() { Ok(()) } else { Err(io::Error::other(ended.to_string())) }
}

/// Gives the open file to its owner: the path may lead elsewhere by then, and root would follow.
fn own(file: &std::path::Path, owner: Option<u32>, mode: u32) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = fs::File::options().read(true).custom_flags(flags).open(file)?;
    let about = file.metadata()?;
    if !about.is_file() || about.nlink() > 1 {
        return Err(io::Error::other("it is no file with one name only"));
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    fchown(&file, owner, None)
}
