//! What other programs print, above all systemctl: for a limited time, and up to a length.

use std::io;
use std::io::Read;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zeroize::Zeroizing;

use crate::system::wiped::{self, Scratch};

/// How long such a program may take on a busy board.
const PATIENCE: Duration = Duration::from_secs(10);
/// In bytes. More than systemctl prints of any unit.
const MOST: usize = 1024 * 1024;

/// What systemctl prints; nothing where there is none.
///
/// # Errors
/// When it does not end in time, or does not stop printing.
pub(in crate::commands) fn systemctl(arguments: &[&str]) -> io::Result<Zeroizing<String>> {
    match printed_by(Path::new("systemctl"), arguments) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Zeroizing::default()),
        printed => printed,
    }
}

/// What `program` prints on standard output, however it ends.
///
/// # Errors
/// When it cannot be started, does not end in time, or does not stop printing.
pub(in crate::commands) fn printed_by(program: &Path, arguments: &[&str]) -> io::Result<Zeroizing<String>> {
    let mut started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let printed =
        started.stdout.take().map_or_else(|| Ok(Zeroizing::default()), |mut out| read_in_time(&mut out));
    // It has ended, or is not needed any more.
    let _ = started.kill();
    started.wait()?;
    printed
}

fn read_in_time(stdout: &mut ChildStdout) -> io::Result<Zeroizing<String>> {
    let end = Instant::now() + PATIENCE;
    let mut printed = Zeroizing::<Vec<u8>>::default();
    loop {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now()));
        let left = left.map_err(|_| io::ErrorKind::InvalidInput)?;
        if poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut chunk = Scratch::<1024>::default();
        match stdout.read(&mut chunk)? {
            0 => return Ok(Zeroizing::new(String::from_utf8_lossy(&printed).into_owned())),
            _ if printed.len() > MOST => return Err(io::ErrorKind::FileTooLarge.into()),
            len => wiped::extend(&mut printed, &chunk[..len]),
        }
    }
}
