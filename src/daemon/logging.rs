//! Logs to standard error, one line each; journald adds the time. A line that cannot be written at once is lost, and
//! nothing else happens: neither a closed nor a full standard error may end the daemon or stop its LED.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use node_core::text::Shown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::Warning;

/// The longest line, in bytes: what a pipe that is ready takes without blocking (pipe(7), `PIPE_BUF`).
const MAX_LINE: usize = 4096;

/// Sets the logger up. The level is the one `$JARVIS_NODE_LOG` names (error, warn, info, debug), or info.
///
/// Only this program's own lines pass, whatever is asked for: at trace level ureq prints every
/// byte it sends, keys included. Release builds do not even contain those lines (the log crate's
/// `release_max_level_debug`).
pub(crate) fn init() {
    let named = std::env::var_os("JARVIS_NODE_LOG");
    let level = named.as_ref().map(|name| name.to_str().and_then(|name| name.parse().ok()));
    // Fails only when there is a logger already, which will do.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level.flatten().unwrap_or(LevelFilter::Info));
    }
    if level == Some(None) {
        LOGGER.unknown_level.store(true, Ordering::Relaxed);
    }
}

/// What is wrong with the log.
pub(crate) fn warnings() -> Vec<Warning> {
    let losing = (*LOGGER.lost.lock().unwrap_or_else(PoisonError::into_inner) > 0).then(|| {
        Warning::new(
            "log",
            "lines of the log cannot be written",
            "Look at where standard error goes: it is closed, full, or nobody reads it.",
        )
    });
    let unknown_level = LOGGER.unknown_level.load(Ordering::Relaxed).then(|| {
        Warning::new(
            "log_level",
            "JARVIS_NODE_LOG names no level, so the log has that of info",
            "Set it to error, warn, info or debug, or unset it.",
        )
    });
    losing.into_iter().chain(unknown_level).collect()
}

/// Tries to say how many lines were lost: else nobody would learn that lines can be written again.
pub(super) fn say_lost() {
    let mut lost = LOGGER.lost.lock().unwrap_or_else(PoisonError::into_inner);
    if *lost > 0 {
        let said = *lost;
        write_line(io::stderr(), "", &mut lost);
        // An attempt is no line.
        *lost = (*lost).min(said);
    }
}

static LOGGER: Logger = Logger { lost: Mutex::new(0), unknown_level: AtomicBool::new(false) };

struct Logger {
    /// How many lines in a row could not be written. Locked while writing: between the check and the write no other
    /// thread may fill the pipe.
    lost: Mutex<u64>,
    /// Whether `$JARVIS_NODE_LOG` names no level.
    unknown_level: AtomicBool,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().split("::").next() == Some("jarvis_node")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let line = format!("{:<5} [{}] {}", record.level(), record.target(), Shown(&message));
            write_line(io::stderr(), &line, &mut self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn flush(&self) {}
}

/// Writes `line` if `out` takes it at once, after the number of lines that were `lost` before it.
fn write_line(out: impl AsFd, line: &str, lost: &mut u64) {
    let mut text = String::new();
    if *lost > 0 {
        text = format!("WARN  [{}] {lost} lines could not be written\n", module_path!());
    }
    text.push_str(line);
    let whole = (0..MAX_LINE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.truncate(whole);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut ready = [PollFd::new(&out, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let takes = poll(&mut ready, Some(&at_once)).is_ok() && ready[0].revents() == PollFlags::OUT;
    let written = takes
        && loop {
            match rustix::io::write(&out, text.as_bytes()) {
                Err(Errno::INTR) => {}
                done => break done.is_ok(),
            }
        };
    *lost = if written { 0 } else { *lost + 1 };
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn line_for_a_full_or_closed_reader_is_lost_and_counted() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut lost = 0;
        let line: String = std::iter::repeat_n('x', 1000).collect();
        // Without a reader it would block for ever once it is full.
        for _ in 0..1000 {
            write_line(&writer, &line, &mut lost);
        }
        assert!((900..1000).contains(&lost), "{lost}");
        let mut heard = vec![0; 100_000];
        let before = reader.read(&mut heard).expect("read");
        write_line(&writer, "again", &mut lost);
        let len = reader.read(&mut heard).expect("read");
        let told = std::str::from_utf8(&heard[..len]).expect("text");
        assert!(before > 0 && told.contains(" lines could not be written\nagain\n"), "{told}");
        assert_eq!(lost, 0);
        drop(reader);
        write_line(&writer, "nobody reads", &mut lost);
        let (one, other) = UnixStream::pair().expect("a pair");
        drop(other);
        write_line(&one, "nobody reads", &mut lost);
        if let Ok(full) = File::options().write(true).open("/dev/full") {
            write_line(&full, "no room", &mut lost);
            assert_eq!(lost, 3);
        }
    }

    #[test]
    fn overlong_line_is_cut_between_two_characters() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let line: String = std::iter::repeat_n('€', 3000).collect();
        write_line(&writer, &line, &mut 0);
        drop(writer);
        let mut heard = String::new();
        reader.read_to_string(&mut heard).expect("whole characters");
        assert!(
            (MAX_LINE - 4..=MAX_LINE).contains(&heard.len()) && heard.ends_with("€\n"),
            "{}",
            heard.len()
        );
    }
}
