//! One line of the log, and its forms: text, JSON, and the fields of the journal.

use log::Level;
use node_core::outcome::Outcome;
use node_core::text::Shown;
use node_core::time::UnixTime;
use serde_json::Value;

use super::journal;
use super::unsent::SERVICE;
use crate::system::clock::rfc3339;

/// The longest message in JSON or in the journal, in bytes: escaped, it is still no longer than a line may be.
const MAX_MESSAGE: usize = 1500;

/// A line that is to be written.
#[derive(Clone, Copy, Debug)]
pub(in crate::daemon) struct Line<'a> {
    pub(super) level: Level,
    /// The module that it comes from.
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    pub(super) change: Option<Change<'a>>,
}

/// A change of the outcome.
#[derive(Clone, Copy, Debug)]
pub(in crate::daemon) struct Change<'a> {
    pub(in crate::daemon) outcome: Outcome,
    /// Why the outcome is not simply valid.
    pub(in crate::daemon) reason: Option<&'a str>,
}

impl Line<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        format!("{:<5} [{}] {}", self.level, self.target, Shown(self.message))
    }

    /// A JSON object. `wall` is the time, if the clock is set.
    pub(super) fn json(&self, wall: Option<UnixTime>) -> String {
        let time = wall.map(|wall| format!(r#""time":"{}","#, rfc3339(wall))).unwrap_or_default();
        let change = self.change.map(|change| format!(",{}", change.json()));
        format!(
            r#"{{{time}"level":"{}","target":"{}","message":{}{}}}"#,
            self.level.as_str().to_ascii_lowercase(),
            self.target,
            quoted(self.message),
            change.unwrap_or_default()
        )
    }

    /// The JSON object that the home's logs take (docs/wire/jarvis-home.md, "Other calls of a node"). `wall` is the time,
    /// if the clock is set.
    pub(super) fn sent(&self, wall: Option<UnixTime>) -> String {
        let time = wall.map(|wall| format!(r#""timestamp":"{}","#, rfc3339(wall))).unwrap_or_default();
        let level = if self.level == Level::Warn { "WARNING" } else { self.level.as_str() };
        let change = self.change.map(|change| format!(r#","context":{{{}}}"#, change.json()));
        format!(
            r#"{{{time}"service":"{SERVICE}","level":"{level}","message":{}{}}}"#,
            quoted(self.message),
            change.unwrap_or_default()
        )
    }

    /// Fields of the journal, each on a line of its own (systemd.io/JOURNAL_NATIVE_PROTOCOL): no value has a line break.
    pub(super) fn fields(&self) -> String {
        // As syslog(3) has it.
        let priority = match self.level {
            Level::Error => 3,
            Level::Warn => 4,
            Level::Info => 6,
            Level::Debug | Level::Trace => 7,
        };
        let mut fields =
            format!("MESSAGE={}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=jarvis-node\n", short(&self.text()));
        if let Some(Change { outcome, reason }) = self.change {
            fields += &format!("MESSAGE_ID={}\nJARVIS_OUTCOME={outcome}\n", journal::message_id(outcome));
            if let Some(reason) = reason {
                fields += &format!("JARVIS_REASON={}\n", short(&Shown(reason).to_string()));
            }
        }
        fields
    }
}

impl Change<'_> {
    fn json(self) -> String {
        let Self { outcome, reason } = self;
        format!(r#""outcome":"{outcome}","reason":{}"#, reason.map_or(Value::Null, quoted))
    }
}

fn quoted(text: &str) -> Value {
    Value::from(short(&Shown(text).to_string()))
}

fn short(text: &str) -> &str {
    start_of(text, MAX_MESSAGE)
}

/// As much of the start of `text` as fits into `len` bytes, in whole characters.
pub(super) fn start_of(text: &str, len: usize) -> &str {
    let whole = (0..=len.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    &text[..whole]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> Line<'_> {
        let change = Change { outcome: Outcome::Network, reason: Some("\"home\" is\naway") };
        Line { level: Level::Warn, target: "jarvis_node::daemon", message, change: Some(change) }
    }

    #[test]
    fn json_line_has_its_time_only_if_the_clock_is_set() {
        let change = r#""outcome":"network","reason":"\"home\" is away"}"#;
        assert_eq!(
            line("a\tb \\").json(None),
            format!(r#"{{"level":"warn","target":"jarvis_node::daemon","message":"a b \\",{change}"#)
        );
        let with_time = line("x").json(Some(UnixTime(1_795_348_800)));
        assert!(with_time.starts_with(r#"{"time":"2026-11-22T12:00:00Z","level":"warn","#), "{with_time}");
        let plain = Line { change: None, ..line("x") }.json(None);
        assert_eq!(plain, r#"{"level":"warn","target":"jarvis_node::daemon","message":"x"}"#);
    }

    #[test]
    fn sent_line_has_the_levels_of_the_logs() {
        assert_eq!(
            line("x").sent(Some(UnixTime(0))),
            r#"{"timestamp":"1970-01-01T00:00:00Z","service":"jarvis-node-agent","level":"WARNING","message":"x","context":{"outcome":"network","reason":"\"home\" is away"}}"#
        );
        let plain = Line { change: None, level: Level::Info, ..line("x") };
        assert_eq!(plain.sent(None), r#"{"service":"jarvis-node-agent","level":"INFO","message":"x"}"#);
    }

    #[test]
    fn json_line_of_any_message_is_whole_and_fits() {
        for c in ['"', '\\', '€', '\u{202e}', '\n'] {
            let message: String = std::iter::repeat_n(c, 3000).collect();
            let json = line(&message).json(Some(UnixTime(u64::MAX)));
            assert!(json.len() < super::super::MAX_LINE, "{c:?}: {}", json.len());
            serde_json::from_str::<Value>(&json).expect("an object");
        }
    }

    #[test]
    fn journal_fields_tell_of_a_change_and_stay_on_their_lines() {
        assert_eq!(
            line("it is\naway").fields(),
            "MESSAGE=WARN  [jarvis_node::daemon] it is away\nPRIORITY=4\nSYSLOG_IDENTIFIER=jarvis-node\n\
             MESSAGE_ID=c4f7d3dd8e80452eba735f101e117ea5\nJARVIS_OUTCOME=network\nJARVIS_REASON=\"home\" is away\n"
        );
        let plain = Line { change: None, level: Level::Info, ..line("x") };
        assert_eq!(
            plain.fields(),
            "MESSAGE=INFO  [jarvis_node::daemon] x\nPRIORITY=6\nSYSLOG_IDENTIFIER=jarvis-node\n"
        );
    }
}
