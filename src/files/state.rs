//! Facts that the node keeps across boots, besides its credential: the board it runs on, and a time that has
//! passed. The file is written at the first acceptance and then at most once a day, because SD cards wear
//! out.

use std::io;
use std::io::ErrorKind;
use std::path::Path;

use node_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::{bounded, durable, json};
use crate::error::Warning;
use crate::system::clock;

/// In seconds. The least time between two writes of the passed time.
const A_DAY: u64 = 86_400;

/// One of these comes first in the file.
const KEYS: [&str; 2] = ["board", "passed"];

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// The serial number of the board on which the node was last accepted.
    #[serde(default)]
    pub board: Option<String>,
    /// A time that has passed, in seconds since 1970, by both the clock of a server with a valid certificate
    /// and the board's own.
    #[serde(default)]
    pub passed: Option<u64>,
}

/// The result of a validation, as far as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Whether the node was accepted.
    pub accepted: bool,
    /// The authenticated server's clock.
    pub server_time: Option<UnixTime>,
    /// The board's clock.
    pub wall: UnixTime,
}

impl NodeState {
    /// Reads the file at `path`. A missing or damaged file counts as empty; [`warning`] says so.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        durable::read_json(path).unwrap_or_default()
    }

    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// When its folder is missing or not writable, or when it is no state file that would be replaced.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        durable::check_own(path, &KEYS)?;
        durable::replace(path, json::text(self)?.as_bytes())
    }

    /// The state after `shown` on the board `serial`; `None` if it is not worth a write.
    #[must_use]
    pub fn after(&self, shown: Observed, serial: Option<&str>) -> Option<Self> {
        // Both clocks must have passed it: if only one did, and were years ahead, the node would wait for
        // years.
        let passed = shown.server_time.map(|server| server.0.min(shown.wall.0));
        let later =
            passed.filter(|passed| self.passed.is_none_or(|kept| kept.saturating_add(A_DAY) <= *passed));
        let board = serial.filter(|_| shown.accepted && self.board.is_none());
        (later.is_some() || board.is_some()).then(|| Self {
            board: board.map(ToOwned::to_owned).or_else(|| self.board.clone()),
            passed: later.or(self.passed),
        })
    }

    /// A clock before this time is not set.
    #[must_use]
    pub fn clock_floor(&self) -> UnixTime {
        clock::build_time().max(UnixTime(self.passed.unwrap_or_default()))
    }

    /// Whether this state belongs to another board than `serial`. Boards without a serial number are not
    /// distinguished.
    #[must_use]
    pub fn is_of_another_board(&self, serial: Option<&str>) -> bool {
        matches!((self.board.as_deref(), serial), (Some(kept), Some(here)) if kept != here)
    }
}

/// What is wrong with the state file at `path`, as far as it shows before something is to be remembered.
#[must_use]
pub fn warning(path: &Path) -> Option<Warning> {
    if let Err(why) = durable::check_replaceable(path, &KEYS) {
        return Some(unwritable(path, &why));
    }
    match durable::read_json::<NodeState>(path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Some(Warning::new(
            "state_file",
            format!("{} is damaged and counts as empty: {why}", path.display()),
            "Nothing needs to be done: it is replaced after a validation.",
        )),
        Ok(_) | Err(_) => None,
    }
}

/// The warning about a state file that could not be written because of `why`.
#[must_use]
pub fn unwritable(path: &Path, why: &io::Error) -> Warning {
    Warning::unwritable("state_file", "state_file", path, "nothing is remembered across boots", why)
}

/// This board's serial number; `None` if it has none, like a laptop.
#[must_use]
pub fn board_serial() -> Option<String> {
    parse_serial(&bounded::read(Path::new("/proc/device-tree/serial-number"), 4096).ok()?)
}

/// Text in a device tree ends with a NUL. A serial number of zeros was not set by the firmware.
pub(crate) fn parse_serial(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim();
    let sound = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
    (sound && text.bytes().any(|b| b != b'0')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOON: u64 = 1_800_000_000;

    fn shown(accepted: bool, server: Option<u64>, wall: u64) -> Observed {
        Observed { accepted, server_time: server.map(UnixTime), wall: UnixTime(wall) }
    }

    #[test]
    fn passed_time_is_written_once_a_day() {
        let first =
            NodeState::default().after(shown(true, Some(NOON), NOON + 2), Some("b1")).expect("written");
        assert_eq!(first, NodeState { board: Some("b1".into()), passed: Some(NOON) });
        assert_eq!(first.after(shown(true, Some(NOON + 86_399), NOON + 90_000), Some("b1")), None);
        let next = first.after(shown(false, Some(NOON + 86_400), NOON + 90_000), Some("b1"));
        assert_eq!(next.expect("written").passed, Some(NOON + 86_400));
    }

    #[test]
    fn largest_passed_time_does_not_overflow() {
        let kept = NodeState { board: None, passed: Some(u64::MAX) };
        assert_eq!(kept.after(shown(true, Some(NOON), NOON), None), None);
    }

    #[test]
    fn passed_time_needs_both_clocks() {
        let kept = NodeState { board: None, passed: Some(NOON) };
        for (server, wall) in [(Some(NOON * 2), NOON + 60), (Some(NOON + 60), NOON * 2), (None, NOON * 2)] {
            assert_eq!(kept.after(shown(true, server, wall), None), None, "{server:?} {wall}");
        }
    }

    #[test]
    fn board_is_stored_with_first_acceptance_only() {
        assert_eq!(NodeState::default().after(shown(false, None, NOON), Some("b1")), None);
        assert_eq!(NodeState::default().after(shown(true, None, NOON), None), None);
        let kept = NodeState::default().after(shown(true, None, NOON), Some("b1")).expect("written");
        assert_eq!(kept.after(shown(true, None, NOON), Some("b2")), None, "never replaced by itself");
    }

    #[test]
    fn other_board_is_noticed_by_serial_number() {
        let kept = NodeState { board: Some("b1".into()), passed: None };
        assert!(kept.is_of_another_board(Some("b2")));
        assert!(!kept.is_of_another_board(Some("b1")) && !kept.is_of_another_board(None));
        assert!(!NodeState::default().is_of_another_board(Some("b2")));
    }

    #[test]
    fn serial_number_is_parsed_from_device_tree() {
        assert_eq!(parse_serial(b"10000000abcdef01\0").as_deref(), Some("10000000abcdef01"));
        for none in [b"".as_slice(), b"\0", b"0000000000000000\0", b"\xff\xfe", b"a b\0"] {
            assert_eq!(parse_serial(none), None, "{none:?}");
        }
    }

    #[test]
    fn damaged_state_file_is_empty_and_replaceable() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.json");
        let state = NodeState { board: Some("b1".into()), passed: Some(NOON) };
        for text in ["", "{", "\0\0\0\0", r#"{"board":"b1","pas"#, r#"{"passed":"x"}"#] {
            fs::write(&path, text).expect("written");
            assert_eq!(NodeState::load(&path), NodeState::default(), "{text}");
            state.save(&path).expect(text);
            assert_eq!(NodeState::load(&path), state);
        }
    }

    #[test]
    fn file_that_is_no_state_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("app.key");
        for text in ["s3cret", "[]", r#"["b1",1800000000]"#] {
            fs::write(&path, text).expect("written");
            assert_eq!(NodeState::load(&path), NodeState::default(), "{text}");
            NodeState::default().save(&path).expect_err(text);
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
        }
    }
}
