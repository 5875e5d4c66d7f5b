//! The state that the page shows, in the form in which it is sent.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;
use time::OffsetDateTime;

use super::message::{Known, clocks, now_ms};

/// The state of everything.
#[derive(Clone, Serialize)]
pub(super) struct View {
    pub(super) server: Server,
    pub(super) node: Node,
    pub(super) settings: Settings,
    now_ms: u64,
    controls: BTreeMap<&'static str, Control>,
}

/// The auth service.
#[derive(Clone, Serialize)]
pub(super) struct Server {
    pub(super) kind: Kind,
    pub(super) url: String,
    pub(super) up: bool,
    pub(super) faults: Vec<&'static str>,
    /// Whether the node of the current credential was deactivated, which cannot be undone.
    #[serde(skip)]
    pub(super) deactivated: bool,
}

/// The kind of server.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A stub of this process.
    Stub,
    /// A real server.
    Real,
}

/// The node.
#[derive(Clone, Serialize)]
pub(super) struct Node {
    pub(super) powered: bool,
    #[serde(flatten)]
    pub(super) known: Known,
    pub(super) calling_since_ms: Option<u64>,
    clock: String,
    memory: Option<Memory>,
    pub(super) wrong_ca: bool,
    pub(super) clock_1970: bool,
    /// The process id.
    #[serde(skip)]
    pub(super) pid: Option<u32>,
    /// How far the wall clock is ahead of the machine's, in seconds.
    #[serde(skip)]
    pub(super) clock_offset: i64,
}

/// The memory of a process.
#[derive(Clone, Copy, Serialize)]
struct Memory {
    anon_kib: u64,
    resident_kib: u64,
}

/// The node's timing, in seconds.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Settings {
    pub(super) revalidate_secs: u64,
    pub(super) offline_grace_secs: u64,
    pub(super) request_timeout_secs: u64,
    /// Whether the node needs the correct time.
    #[serde(skip)]
    pub(super) needs_clock: bool,
}

#[derive(Clone, Serialize)]
struct Control {
    enabled: bool,
    why: Option<&'static str>,
}

impl View {
    pub(super) fn new(kind: Kind, url: &str, settings: Settings) -> Self {
        let server = Server { kind, url: url.to_owned(), up: true, faults: Vec::new(), deactivated: false };
        let node = Node {
            powered: false,
            known: without_power(),
            calling_since_ms: None,
            clock: String::new(),
            memory: None,
            wrong_ca: false,
            clock_1970: false,
            pid: None,
            clock_offset: 0,
        };
        Self { server, node, settings, now_ms: 0, controls: BTreeMap::new() }
    }

    /// Records the node's start.
    pub(super) fn powered(&mut self, pid: u32) {
        self.node.powered = true;
        self.node.pid = Some(pid);
        self.node.known = Known { words: "starting up".into(), ..Known::default() };
        self.node.calling_since_ms = None;
    }

    /// Records its end, for any reason.
    pub(super) fn unpowered(&mut self) {
        self.node.powered = false;
        self.node.pid = None;
        self.node.known = without_power();
        self.node.calling_since_ms = None;
    }

    /// Updates the fields that change by themselves.
    pub(super) fn refresh(&mut self) {
        self.now_ms = now_ms();
        self.node.clock = written(clocks(self.node.clock_offset).wall.0);
        self.node.memory = self.node.pid.and_then(memory);
        let why_not = super::controls::NAMES.map(|name| (name, self.why_not(name)));
        self.controls =
            why_not.into_iter().map(|(name, why)| (name, Control { enabled: why.is_none(), why })).collect();
    }

    /// The reason why this control has no effect now, if it has none.
    pub(super) fn why_not(&self, control: &str) -> Option<&'static str> {
        let stub = self.server.kind == Kind::Stub;
        match control {
            "server" | "fault" | "rotate" | "deactivate" | "wrong_ca" if !stub => {
                Some("The server is a real one: this needs the stub (start without --config).")
            }
            "rotate" | "deactivate" if self.server.deactivated => {
                Some("The node is deactivated, and nothing reactivates it: install a new credential.")
            }
            "install" | "reload" if !self.node.powered => Some("The node is off: switch its power on first."),
            "clock" if !self.settings.needs_clock => {
                Some("This node needs no clock: it uses plain HTTP, or knows the server by a pinned key.")
            }
            _ => None,
        }
    }
}

fn without_power() -> Known {
    Known { words: "no power".into(), led: "dark: no power".into(), ..Known::default() }
}

/// The memory of a process, where the kernel reports it.
fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory { anon_kib: kib("RssAnon")?, resident_kib: kib("VmRSS")? })
}

/// A time in the format of RFC 3339.
fn written(unix: u64) -> String {
    let time = i64::try_from(unix).ok().and_then(|secs| OffsetDateTime::from_unix_timestamp(secs).ok());
    let t = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (t.year(), u8::from(t.month()), t.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", t.hour(), t.minute(), t.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_is_written_as_rfc_3339() {
        assert_eq!(written(12), "1970-01-01T00:00:12Z");
        assert_eq!(written(1_795_397_145), "2026-11-23T01:25:45Z");
    }
}
