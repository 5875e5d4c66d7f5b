//! What the node remembers from one boot to the next, besides its credential: which board it is on, and
//! when a verified server last showed. Written when the first good verdict comes and then at most once
//! a day, since cards wear out.

use std::io::ErrorKind;
use std::path::Path;
use std::{fs, io};

use log::warn;
use node_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::durable;
use crate::clock;

/// Seconds between two writings of what only moves on.
const A_DAY: u64 = 86_400;

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Serial number of the board the node was last accepted on.
    #[serde(default)]
    pub board: Option<String>,
    /// A moment that has passed, in seconds since 1970: a server whose certificate was found good said
    /// so, and the board's own clock too.
    #[serde(default)]
    pub passed: Option<u64>,
}

/// What a validation showed that is worth remembering.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Whether the node was accepted.
    pub accepted: bool,
    /// The verified server's clock.
    pub server_time: Option<UnixTime>,
    /// The board's.
    pub wall: UnixTime,
}

impl State {
    /// Reads the file at `path`; one that is not there or damaged remembers nothing.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        durable::read_json(path).unwrap_or_else(|e| {
            if e.kind() != ErrorKind::NotFound {
                warn!("the state_file {} remembers nothing: {e}", path.display());
            }
            Self::default()
        })
    }

    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// When its folder is missing or cannot be written to.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        durable::replace(path, &serde_json::to_vec(self)?)
    }

    /// The state after `shown` on the board `serial`, where that is worth a writing.
    #[must_use]
    pub fn after(&self, shown: Shown, serial: Option<&str>) -> Option<Self> {
        // Both clocks must have come so far: one of them alone may be years ahead, and what is kept
        // here would then keep the node waiting for years.
        let passed = shown.server_time.map(|server| server.0.min(shown.wall.0));
        let later =
            passed.filter(|passed| self.passed.is_none_or(|kept| kept.saturating_add(A_DAY) <= *passed));
        let board = serial.filter(|_| shown.accepted && self.board.is_none());
        (later.is_some() || board.is_some()).then(|| Self {
            board: board.map(ToOwned::to_owned).or_else(|| self.board.clone()),
            passed: later.or(self.passed),
        })
    }

    /// Before this the clock is not set.
    #[must_use]
    pub fn clock_floor(&self) -> UnixTime {
        clock::build_time().max(UnixTime(self.passed.unwrap_or_default()))
    }

    /// Whether this state was made on another board than `serial`. Boards without a number are not
    /// told apart.
    #[must_use]
    pub fn is_of_another_board(&self, serial: Option<&str>) -> bool {
        matches!((self.board.as_deref(), serial), (Some(kept), Some(here)) if kept != here)
    }
}

/// This board's serial number; `None` where there is none, as on a laptop.
#[must_use]
pub fn board_serial() -> Option<String> {
    parse_serial(&fs::read("/proc/device-tree/serial-number").ok()?)
}

/// A device tree's text ends with a NUL. A number of zeros is one that the firmware did not fill in.
pub(crate) fn parse_serial(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').trim();
    let sound = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
    (sound && text.bytes().any(|b| b != b'0')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000;

    fn shown(accepted: bool, server: Option<u64>, wall: u64) -> Shown {
        Shown { accepted, server_time: server.map(UnixTime), wall: UnixTime(wall) }
    }

    #[test]
    fn what_only_moves_on_is_written_once_a_day() {
        let first = State::default().after(shown(true, Some(NOON), NOON + 2), Some("b1")).expect("written");
        assert_eq!(first, State { board: Some("b1".into()), passed: Some(NOON) });
        assert_eq!(first.after(shown(true, Some(NOON + 86_399), NOON + 90_000), Some("b1")), None);
        let next = first.after(shown(false, Some(NOON + 86_400), NOON + 90_000), Some("b1"));
        assert_eq!(next.expect("written").passed, Some(NOON + 86_400));
    }

    #[test]
    fn the_end_of_time_in_a_damaged_file_is_no_overflow() {
        let kept = State { board: None, passed: Some(u64::MAX) };
        assert_eq!(kept.after(shown(true, Some(NOON), NOON), None), None);
    }

    #[test]
    fn one_clock_alone_moves_nothing_on() {
        let kept = State { board: None, passed: Some(NOON) };
        for (server, wall) in [(Some(NOON * 2), NOON + 60), (Some(NOON + 60), NOON * 2), (None, NOON * 2)] {
            assert_eq!(kept.after(shown(true, server, wall), None), None, "{server:?} {wall}");
        }
    }

    #[test]
    fn a_board_is_remembered_with_the_first_good_verdict_only() {
        assert_eq!(State::default().after(shown(false, None, NOON), Some("b1")), None);
        assert_eq!(State::default().after(shown(true, None, NOON), None), None);
        let kept = State::default().after(shown(true, None, NOON), Some("b1")).expect("written");
        assert_eq!(kept.after(shown(true, None, NOON), Some("b2")), None, "never replaced by itself");
    }

    #[test]
    fn another_board_is_noticed_where_both_have_a_number() {
        let kept = State { board: Some("b1".into()), passed: None };
        assert!(kept.is_of_another_board(Some("b2")));
        assert!(!kept.is_of_another_board(Some("b1")) && !kept.is_of_another_board(None));
        assert!(!State::default().is_of_another_board(Some("b2")));
    }

    #[test]
    fn a_serial_number_is_read_as_the_device_tree_has_it() {
        assert_eq!(parse_serial(b"10000000abcdef01\0").as_deref(), Some("10000000abcdef01"));
        for none in [b"".as_slice(), b"\0", b"0000000000000000\0", b"\xff\xfe", b"a b\0"] {
            assert_eq!(parse_serial(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_damaged_file_remembers_nothing_and_can_be_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state.json");
        for text in ["", "{", "[]", r#"["b1",1800000000]"#, r#"{"passed":"x"}"#] {
            fs::write(&path, text).expect("written");
            assert_eq!(State::load(&path), State::default(), "{text}");
        }
        let state = State { board: Some("b1".into()), passed: Some(NOON) };
        state.save(&path).expect("saved");
        assert_eq!(State::load(&path), state);
    }
}
