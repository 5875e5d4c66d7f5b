//! The messages between the board and its node's process: a JSON object per line.

use std::io::{self, Write};
use std::path::PathBuf;

use jarvis_node::system::clock;
use node_core::time::Now;
use serde::{Deserialize, Serialize};

/// A message from the board to its node.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Read all files and ask at once, as after SIGHUP.
    Reload,
    /// Set the wall clock this many seconds ahead of the machine's.
    Clock(i64),
    /// Install this credential.
    Install {
        /// The credential file.
        file: PathBuf,
        /// The node id.
        node_id: String,
        /// The node key.
        node_key: String,
    },
}

/// A message from the node to the board. Times are in milliseconds of the clock that the node's timers use.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NodeMessage {
    /// The pin's level has changed.
    Edge(Edge),
    /// The outcome has changed.
    Shown(Shown),
    /// The node's report has changed.
    Known(Known),
    /// The server is being asked.
    Asked {
        /// The time.
        at_ms: u64,
    },
    /// The server's answer, or the failure of the call.
    Answered {
        /// The time.
        at_ms: u64,
        /// How long the call took, in milliseconds.
        took_ms: u64,
        /// The verdict, if there is one.
        ok: Option<bool>,
        /// The answer in words.
        text: String,
    },
    /// A line of the log.
    Logged {
        /// The time.
        at_ms: u64,
        /// The line.
        text: String,
    },
    /// The result of [`Order::Install`]: the reason if it failed.
    Installed(Option<String>),
}

/// A change of the pin's level.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Edge {
    /// The time.
    pub(super) at_ms: u64,
    /// Whether the LED is lit now.
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

/// The node's report.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Known {
    pub(super) outcome: Option<String>,
    pub(super) words: String,
    pub(super) reason: Option<String>,
    pub(super) fix: Option<String>,
    /// The LED's pattern in words.
    pub(super) led: String,
    pub(super) node_id: Option<String>,
    pub(super) next_check_ms: Option<u64>,
    pub(super) attempts: u32,
}

/// The current time in messages.
pub(super) fn now_ms() -> u64 {
    clock::instant().as_millis()
}

/// Both clocks, with the wall clock moved by this many seconds.
pub(super) fn clocks(wall_offset_secs: i64) -> Now {
    let Now { instant, wall } = clock::now();
    Now { instant, wall: node_core::time::UnixTime(wall.0.saturating_add_signed(wall_offset_secs)) }
}

/// Writes one message with a single write.
pub(super) fn write_to(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.flush()
}
