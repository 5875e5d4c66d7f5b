//! Whether the home is shown that the node is alive, and what it may do with it then: `heartbeat` and `update_command`.
//! Nothing that is wrong with them takes anything else away.

use serde::Deserialize;
use serde_json::Value;

use super::{Via, form};
use crate::error::Warning;
use crate::net::service_url::ServiceUrl;

/// The longest time between validations in seconds: a tenth later, the home still counts the node as online, which it does
/// for 15 minutes (docs/wire/jarvis-home.md, "Heartbeat").
const LONGEST_INTERVAL: u64 = 800;

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatForm {
    /// The address of the command center.
    command_center: String,
}

/// The keys about the heartbeat, as they were written.
pub(super) struct Written {
    pub(super) heartbeat: Option<Value>,
    pub(super) update_command: Option<Value>,
    pub(super) allow_http: bool,
    pub(super) revalidate_secs: u64,
}

/// What they mean: the command center that gets a heartbeat beside the validation, and program and arguments that update
/// the node.
#[derive(Default)]
pub(super) struct Meant {
    pub(super) heartbeat: Option<ServiceUrl>,
    pub(super) update_command: Option<Vec<String>>,
    /// What is wrong with them. What is wrong counts as not configured.
    pub(super) warnings: Vec<Warning>,
}

impl Meant {
    /// What `written` means, in a configuration that asks `via`; `correct` says where to correct a key.
    pub(super) fn of(written: Written, via: &Via, correct: &dyn Fn(&str) -> String) -> Self {
        let Written { heartbeat, update_command, allow_http, revalidate_secs } = written;
        let mut meant = Self::default();
        match heartbeat.map(|value| url(value, via, allow_http)).transpose() {
            Ok(url) => meant.heartbeat = url,
            Err(why) => meant.warn("heartbeat", why, correct("heartbeat")),
        }
        match update_command.map(command).transpose() {
            Ok(command) => meant.update_command = command,
            Err(why) => meant.warn("update", why, correct("update_command")),
        }
        let is_alive = meant.heartbeat.is_some() || matches!(via, Via::CommandCenter);
        if is_alive && revalidate_secs > LONGEST_INTERVAL {
            meant.warn(
                "heartbeat",
                format!("the app shows this node as offline in between, since revalidate_secs is {revalidate_secs}"),
                format!("Set revalidate_secs to {LONGEST_INTERVAL} or less."),
            );
        }
        if !is_alive && meant.update_command.is_some() {
            let why = "update_command is never used, since the command center gets no heartbeat";
            meant.warn("update", why.into(), "Set via.command_center or heartbeat, too.".into());
        }
        meant
    }

    fn warn(&mut self, code: &'static str, message: String, fix: String) {
        self.warnings.push(Warning::new(code, message, fix));
    }
}

fn url(value: Value, via: &Via, allow_http: bool) -> Result<ServiceUrl, String> {
    if matches!(via, Via::CommandCenter) {
        return Err("heartbeat is not used: with via.command_center the validation is the heartbeat".into());
    }
    let HeartbeatForm { command_center } = form("heartbeat", value)?;
    ServiceUrl::parse("heartbeat.command_center", &command_center, allow_http)
}

/// A program by its whole path: root runs it, so no search path may decide.
fn command(value: Value) -> Result<Vec<String>, String> {
    let command: Vec<String> = form("update_command", value)?;
    let is_fit = command.first().is_some_and(|program| program.starts_with('/'))
        && !command.iter().any(|part| part.contains('\0'));
    if is_fit {
        Ok(command)
    } else {
        Err("update_command must begin with the whole path of a program".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(via: &Via, text: &str, revalidate_secs: u64) -> Meant {
        let keys: Value = serde_json::from_str(text).expect("JSON");
        let key = |name| keys.get(name).cloned();
        let written = Written {
            heartbeat: key("heartbeat"),
            update_command: key("update_command"),
            allow_http: false,
            revalidate_secs,
        };
        Meant::of(written, via, &|key| format!("Correct {key}."))
    }

    #[test]
    fn what_is_wrong_with_the_heartbeat_is_a_warning() {
        for (via, text, secs, says) in [
            (Via::Logs, r#"{"heartbeat":{"command_center":"https://cc"}}"#, 800, None),
            (Via::CommandCenter, r#"{"update_command":["/bin/true"]}"#, 800, None),
            (Via::Logs, "{}", 9000, None),
            (Via::CommandCenter, "{}", 801, Some("offline in between, since revalidate_secs is 801")),
            (Via::Logs, r#"{"heartbeat":{"command_center":"https://cc"}}"#, 801, Some("is 801")),
            (
                Via::Logs,
                r#"{"heartbeat":{"command_center":"http://cc"}}"#,
                1,
                Some("heartbeat.command_center is plain"),
            ),
            (Via::Logs, r#"{"heartbeat":"https://cc"}"#, 1, Some("heartbeat: this value must be an object")),
            (Via::CommandCenter, r#"{"heartbeat":{"command_center":"https://cc"}}"#, 1, Some("is not used")),
            (Via::Logs, r#"{"update_command":["/bin/true"]}"#, 1, Some("is never used")),
            (Via::CommandCenter, r#"{"update_command":["true"]}"#, 1, Some("the whole path of a program")),
            (Via::CommandCenter, r#"{"update_command":[]}"#, 1, Some("the whole path of a program")),
            (Via::CommandCenter, r#"{"update_command":"/bin/true"}"#, 1, Some("must be a list")),
        ] {
            let found = meant(&via, text, secs).warnings;
            let told = found.first().map(|one| one.message.as_str());
            assert_eq!(told.is_some(), says.is_some(), "{text}: {told:?}");
            assert!(told.unwrap_or_default().contains(says.unwrap_or_default()), "{text}: {told:?}");
        }
    }
}
