//! What the board and its node, a process of its own, say to each other: a JSON object a line.

use std::io::{self, Write};
use std::path::PathBuf;

use jarvis_node::clock;
use node_core::time::Now;
use serde::{Deserialize, Serialize};

/// What the board tells its node to do.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Read all files and ask at once, as at SIGHUP.
    Reload,
    /// The wall clock is so many seconds ahead of the machine's.
    Clock(i64),
    /// Put this credential in place.
    Install {
        /// Where.
        file: PathBuf,
        /// The node's name.
        node_id: String,
        /// Its key.
        node_key: String,
    },
}

/// What the node tells the board. Moments are milliseconds of the clock that its timers run on.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// The pin's level has changed.
    Edge(Edge),
    /// The outcome has changed.
    Shown(Shown),
    /// What is known has changed.
    Known(Known),
    /// The server is asked.
    Asked {
        /// When.
        at_ms: u64,
    },
    /// What came of it.
    Answered {
        /// When.
        at_ms: u64,
        /// How long that took, in ms.
        took_ms: u64,
        /// Its verdict; None: it gave none.
        ok: Option<bool>,
        /// In words.
        text: String,
    },
    /// A line of the log.
    Logged {
        /// When.
        at_ms: u64,
        /// The line.
        text: String,
    },
    /// What came of [`Order::Install`]; why not, if not.
    Installed(Option<String>),
}

/// A change of the pin's level.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Edge {
    /// When.
    pub(super) at_ms: u64,
    /// To lit, or to dark.
    pub(super) lit: bool,
}

/// A change of the outcome.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Shown {
    pub(super) at_ms: u64,
    pub(super) outcome: String,
    pub(super) words: String,
    pub(super) reason: Option<String>,
}

/// What a node knows of itself.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Known {
    pub(super) outcome: Option<String>,
    pub(super) words: String,
    pub(super) reason: Option<String>,
    pub(super) fix: Option<String>,
    /// What the LED does, in words.
    pub(super) led: String,
    pub(super) node_id: Option<String>,
    pub(super) next_check_ms: Option<u64>,
    pub(super) attempts: u32,
}

/// The moment it is, for whatever is told.
pub(super) fn now_ms() -> u64 {
    clock::instant().as_millis()
}

/// Both clocks, the wall clock so many seconds off.
pub(super) fn clocks(wall_offset_secs: i64) -> Now {
    let Now { instant, wall } = clock::now();
    Now { instant, wall: node_core::time::UnixTime(wall.0.saturating_add_signed(wall_offset_secs)) }
}

/// Writes one message, in one piece.
pub(super) fn write_to(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.flush()
}
