//! Logs to standard error, one line each; journald adds the time, and gets fields beside the text. A line that cannot be
//! written at once is lost, and nothing else happens: neither a closed nor a full standard error may end the daemon or
//! stop its LED.

mod journal;
mod line;
mod unsent;

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use node_core::time::UnixTime;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub(super) use self::line::Change;
use self::line::Line;
pub(super) use self::unsent::Unsent;
use super::systemd;
use crate::error::Warning;
use crate::system::clock;

/// The longest line, in bytes: what a pipe that is ready takes without blocking (pipe(7), `PIPE_BUF`).
const MAX_LINE: usize = 4096;

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people; in the journal with fields beside the text.
    Text,
    /// A JSON object a line.
    Json,
}

/// Sets the logger up: the daemon's with a `format`, that of any other command with none. The level is the one
/// `$JARVIS_NODE_LOG` names (error, warn, info, debug), or info.
///
/// Only this program's own lines pass, whatever is asked for: at trace level ureq prints every
/// byte it sends, keys included. Release builds do not even contain those lines (the log crate's
/// `release_max_level_debug`).
pub(crate) fn init(format: Option<Format>) {
    let named = std::env::var_os("JARVIS_NODE_LOG");
    let level = named.as_ref().map(|name| name.to_str().and_then(|name| name.parse().ok()));
    let journal = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    LOGGER.out().place = Place::of(format, io::stderr(), &journal);
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
    let losing = (LOGGER.out().lost > 0).then(|| {
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

/// Logs the `message` of a change of the outcome.
pub(super) fn log_change(level: Level, message: &str, change: Change<'_>) {
    if level <= log::max_level() {
        let line = Line { level, target: "jarvis_node::daemon", message, change: Some(change) };
        LOGGER.write(&line);
    }
}

/// Tries to say how many lines were lost: else nobody would learn that lines can be written again.
pub(super) fn say_lost() {
    let mut out = LOGGER.out();
    if out.lost > 0 {
        out.write(io::stderr(), None);
    }
}

/// The lines that wait to be sent to the home.
pub(super) fn unsent() -> MutexGuard<'static, Unsent> {
    LOGGER.unsent.lock().unwrap_or_else(PoisonError::into_inner)
}

static LOGGER: Logger = Logger {
    out: Mutex::new(Out { place: Place::Text, lost: 0 }),
    unsent: Mutex::new(Unsent::new()),
    unknown_level: AtomicBool::new(false),
};

struct Logger {
    /// Locked while writing: between the check and the write no other thread may fill the pipe.
    out: Mutex<Out>,
    unsent: Mutex<Unsent>,
    /// Whether `$JARVIS_NODE_LOG` names no level.
    unknown_level: AtomicBool,
}

impl Logger {
    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line<'_>) {
        self.out().write(io::stderr(), Some(line));
        if line.level <= Level::Info {
            unsent().add(|| line.sent(set_clock()));
        }
    }
}

/// The wall clock, if it is set.
fn set_clock() -> Option<UnixTime> {
    Some(clock::now().wall).filter(|wall| *wall >= clock::build_time())
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().split("::").next() == Some("jarvis_node")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let line =
                Line { level: record.level(), target: record.target(), message: &message, change: None };
            self.write(&line);
        }
    }

    fn flush(&self) {}
}

/// Where lines go, and in which form.
#[derive(Clone, Copy, Debug)]
enum Place {
    Text,
    Json,
    /// The socket at this path, and standard error while it takes nothing.
    Journal(&'static [u8]),
}

impl Place {
    /// The daemon's place with a `format`, with standard error and the journal's stream as it is `named`. What else a person
    /// or a program runs says what it has to say where its other output goes, and nowhere else.
    fn of(format: Option<Format>, stderr: impl AsFd, named: &str) -> Self {
        match format {
            Some(Format::Json) => Self::Json,
            Some(Format::Text) if journal::is_named(stderr, named) => Self::Journal(journal::SOCKET),
            Some(Format::Text) | None => Self::Text,
        }
    }
}

#[derive(Debug)]
struct Out {
    place: Place,
    /// How many lines in a row could not be written.
    lost: u64,
}

impl Out {
    /// Writes `line`, if it is one, after the number of lines that were lost before it.
    fn write(&mut self, stderr: impl AsFd, line: Option<&Line<'_>>) {
        if let (Place::Journal(socket), Some(line), 0) = (self.place, line, self.lost)
            && systemd::send(socket, &line.fields()).is_ok()
        {
            return;
        }
        let mut text = String::new();
        if self.lost > 0 {
            let message = format!("{} lines could not be written", self.lost);
            let told = Line { level: Level::Warn, target: module_path!(), message: &message, change: None };
            text = self.form(&told) + "\n";
        }
        text += &line.map(|line| self.form(line)).unwrap_or_default();
        // An attempt to tell of lost lines is no line.
        self.lost = if write_at_once(stderr, text) { 0 } else { self.lost + u64::from(line.is_some()) };
    }

    fn form(&self, line: &Line<'_>) -> String {
        match self.place {
            Place::Text | Place::Journal(_) => line.text(),
            Place::Json => line.json(set_clock()),
        }
    }
}

/// Writes `text`, cut to [`MAX_LINE`], if `out` takes it at once. Returns whether it did.
fn write_at_once(out: impl AsFd, mut text: String) -> bool {
    text.truncate(line::start_of(&text, MAX_LINE - 1).len());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut ready = [PollFd::new(&out, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let takes = poll(&mut ready, Some(&at_once)).is_ok() && ready[0].revents() == PollFlags::OUT;
    takes
        && loop {
            match rustix::io::write(&out, text.as_bytes()) {
                Err(Errno::INTR) => {}
                done => break done.is_ok(),
            }
        }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    fn line(message: &str) -> Line<'_> {
        Line { level: Level::Info, target: "jarvis_node", message, change: None }
    }

    fn out(place: Place) -> Out {
        Out { place, lost: 0 }
    }

    #[test]
    fn line_for_a_full_or_closed_reader_is_lost_and_counted() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut out = out(Place::Text);
        let message: String = std::iter::repeat_n('x', 1000).collect();
        // Without a reader it would block for ever once it is full.
        for _ in 0..1000 {
            out.write(&writer, Some(&line(&message)));
        }
        let lost = out.lost;
        assert!((900..1000).contains(&lost), "{lost}");
        out.write(&writer, None);
        assert_eq!(out.lost, lost, "that is no line");
        let mut heard = vec![0; 100_000];
        let before = reader.read(&mut heard).expect("read");
        out.write(&writer, Some(&line("again")));
        let len = reader.read(&mut heard).expect("read");
        let told = std::str::from_utf8(&heard[..len]).expect("text");
        let expected = format!("{lost} lines could not be written\nINFO  [jarvis_node] again\n");
        assert!(before > 0 && told.ends_with(&expected), "{told}");
        assert_eq!(out.lost, 0);
        drop(reader);
        out.write(&writer, Some(&line("nobody reads")));
        let (one, other) = UnixStream::pair().expect("a pair");
        drop(other);
        out.write(&one, Some(&line("nobody reads")));
        if let Ok(full) = File::options().write(true).open("/dev/full") {
            out.write(&full, Some(&line("no room")));
            assert_eq!(out.lost, 3);
        }
    }

    #[test]
    fn journal_is_written_to_by_the_daemon_alone() {
        let file = tempfile::tempfile().expect("a file");
        let meta = file.metadata().expect("its metadata");
        let named = format!("{}:{}", meta.dev(), meta.ino());
        let place = |format, named| Place::of(format, &file, named);
        assert!(matches!(place(Some(Format::Text), &named), Place::Journal(_)));
        assert!(matches!(place(Some(Format::Text), "8:1"), Place::Text));
        assert!(matches!(place(Some(Format::Json), &named), Place::Json));
        assert!(matches!(place(None, &named), Place::Text));
    }

    #[test]
    fn overlong_line_is_cut_between_two_characters() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let message: String = std::iter::repeat_n('€', 3000).collect();
        out(Place::Text).write(&writer, Some(&line(&message)));
        drop(writer);
        let mut heard = String::new();
        reader.read_to_string(&mut heard).expect("whole characters");
        assert!(
            (MAX_LINE - 4..=MAX_LINE).contains(&heard.len()) && heard.ends_with("€\n"),
            "{}",
            heard.len()
        );
    }

    #[test]
    fn lost_lines_are_told_in_the_form_of_the_others() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut out = Out { place: Place::Json, lost: 2 };
        out.write(&writer, Some(&line("again")));
        drop(writer);
        let mut heard = String::new();
        reader.read_to_string(&mut heard).expect("text");
        let lines: Vec<serde_json::Value> =
            heard.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert_eq!(lines[0]["message"], "2 lines could not be written");
        assert_eq!((&lines[0]["level"], &lines[1]["message"]), (&"warn".into(), &"again".into()));
    }

    #[test]
    fn journal_gets_fields_and_its_stream_what_it_does_not_take() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("socket");
        let (mut reader, stderr) = io::pipe().expect("a pipe");
        let place = Place::Journal(Box::leak(path.as_os_str().as_bytes().into()));
        let mut out = out(place);
        out.write(&stderr, Some(&line("there is no journal")));
        let journal = UnixDatagram::bind(&path).expect("bound");
        out.write(&stderr, Some(&line("now there is")));
        out.lost = 1;
        out.write(&stderr, Some(&line("after a loss")));
        // Blocking, one of these would never return.
        (0..10_000).for_each(|_| out.write(&stderr, Some(&line("too many"))));
        let mut fields = [0; 200];
        let len = journal.recv(&mut fields).expect("the first");
        assert!(fields[..len].starts_with(b"MESSAGE=INFO  [jarvis_node] now there is\nPRIORITY=6\n"));
        drop(stderr);
        let mut heard = String::new();
        reader.read_to_string(&mut heard).expect("text");
        let told: Vec<_> = heard.lines().take(3).collect();
        let lost = "WARN  [jarvis_node::daemon::logging] 1 lines could not be written";
        assert_eq!(
            told,
            ["INFO  [jarvis_node] there is no journal", lost, "INFO  [jarvis_node] after a loss"]
        );
        assert!(heard.lines().skip(3).all(|line| line == "INFO  [jarvis_node] too many"));
    }
}
