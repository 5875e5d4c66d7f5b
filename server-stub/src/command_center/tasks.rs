//! Updates of nodes: queued by the app, handed out by a heartbeat, ended by a heartbeat with the version, by
//! the node's report of a failure, or by time.

use core::time::Duration;
use std::time::Instant;

use serde::Serialize;
use time::OffsetDateTime;

use super::rows::Row;
use crate::auth::state::Now;
use crate::home::Home;
use crate::moment::naive;
use crate::secrets::new_uuid;

/// A task ends as failed after so long. The real ones look every two minutes.
const CEILING: Duration = Duration::from_secs(15 * 60);
/// So long after it was handed out, a heartbeat with another version means that the node is at work.
const AT_WORK: Duration = Duration::from_secs(30);
/// A node that is at work for so long has failed.
const STUCK: Duration = Duration::from_secs(10 * 60);
/// The longest message of a failure, in bytes.
const LONGEST_MESSAGE: usize = 1000;

/// All tasks, oldest first.
#[derive(Default)]
pub(super) struct Tasks(Vec<Task>);

struct Task {
    id: String,
    node_id: String,
    target_version: String,
    state: State,
    error_message: Option<String>,
    created: (OffsetDateTime, Instant),
    updated: (OffsetDateTime, Instant),
    finished_at: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Pending,
    Dispatched,
    InProgress,
    Success,
    Failed,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dispatched => "dispatched",
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Dispatched | Self::InProgress)
    }
}

/// Why an update was not queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotQueued {
    /// The command center has no row for the node.
    #[error("Node not found")]
    NoNode,
    /// There is an open one: its id and state.
    #[error("An update is already queued for this node.")]
    Queued(String, &'static str),
    /// jarvisd, where it does not know how the node was installed, or not as a tarball.
    #[error("Node install mode '{0}' does not support remote updates (only 'tarball' installs do).")]
    InstallMode(String),
    /// jarvisd: the node has this version or a newer one.
    #[error("Node is already on version {0}; target {1} is not newer.")]
    NotNewer(String, String),
}

/// Why a task's end was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotEnded {
    /// No such task of this node.
    Unknown,
    /// It has ended in this state.
    Already(State),
}

/// A task as the services show it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    id: String,
    pub(super) node_id: String,
    kind: &'static str,
    target_version: String,
    state: State,
    error_message: Option<String>,
    created_at: String,
    updated_at: String,
    finished_at: Option<String>,
}

impl Task {
    fn shown(&self) -> Shown {
        Shown {
            id: self.id.clone(),
            node_id: self.node_id.clone(),
            kind: "update",
            target_version: self.target_version.clone(),
            state: self.state,
            error_message: self.error_message.clone(),
            created_at: naive(self.created.0),
            updated_at: naive(self.updated.0),
            finished_at: self.finished_at.map(naive),
        }
    }

    fn become_as(&mut self, state: State, now: Now) {
        self.state = state;
        self.updated = (now.wall, now.tick);
    }

    fn end(&mut self, state: State, message: Option<String>, now: Now) {
        self.become_as(state, now);
        self.error_message = message;
        self.finished_at = Some(now.wall);
    }
}

impl Tasks {
    /// Queues an update of a node with this row. jarvisd refuses one that the node would ignore.
    pub(super) fn queue(
        &mut self,
        row: Option<&Row>,
        node_id: &str,
        version: &str,
        home: Home,
        now: Now,
    ) -> Result<String, NotQueued> {
        let row = row.ok_or(NotQueued::NoNode)?;
        self.sweep(now);
        if let Some(open) = self.0.iter().find(|task| task.node_id == node_id && task.state.is_open()) {
            return Err(NotQueued::Queued(open.id.clone(), open.state.name()));
        }
        let version = version.strip_prefix('v').unwrap_or(version);
        if home == Home::Jarvisd {
            if let Some(mode) = row.install_mode.as_deref().filter(|mode| !matches!(*mode, "" | "tarball")) {
                return Err(NotQueued::InstallMode(mode.to_owned()));
            }
            if let Some(present) = row.version.as_deref().filter(|present| !is_newer(version, present)) {
                return Err(NotQueued::NotNewer(present.to_owned(), version.to_owned()));
            }
        }
        let id = new_uuid();
        self.0.push(Task {
            id: id.clone(),
            node_id: node_id.to_owned(),
            target_version: version.to_owned(),
            state: State::Pending,
            error_message: None,
            created: (now.wall, now.tick),
            updated: (now.wall, now.tick),
            finished_at: None,
        });
        Ok(id)
    }

    /// The id and version of a node's oldest pending update, which is not handed out again.
    pub(super) fn dispatch(&mut self, node_id: &str, now: Now) -> Option<(String, String)> {
        self.sweep(now);
        let pending = |task: &&mut Task| task.node_id == node_id && task.state == State::Pending;
        let task = self.0.iter_mut().find(pending)?;
        task.become_as(State::Dispatched, now);
        Some((task.id.clone(), task.target_version.clone()))
    }

    /// A node reports its version. The wanted one ends a task that has been handed out; another one, some time
    /// after that, shows that the node is at work.
    pub(super) fn confirm(&mut self, node_id: &str, version: &str, now: Now) {
        self.sweep(now);
        let handed_out = |task: &&mut Task| {
            task.node_id == node_id && matches!(task.state, State::Dispatched | State::InProgress)
        };
        let Some(task) = self.0.iter_mut().rev().find(handed_out) else { return };
        let since = now.tick.saturating_duration_since(task.updated.1);
        if task.target_version == version {
            task.end(State::Success, None, now);
        } else if task.state == State::Dispatched && since >= AT_WORK {
            task.become_as(State::InProgress, now);
        }
    }

    /// A task of a node has failed: the node reports it, or a person has cancelled it.
    pub(super) fn fail(
        &mut self,
        node_id: &str,
        id: &str,
        message: Option<String>,
        now: Now,
    ) -> Result<Shown, NotEnded> {
        self.sweep(now);
        let own = |task: &&mut Task| task.node_id == node_id && task.id == id;
        let task = self.0.iter_mut().find(own).ok_or(NotEnded::Unknown)?;
        if !task.state.is_open() {
            return Err(NotEnded::Already(task.state));
        }
        let message = message.filter(|text| !text.is_empty());
        let mut message = message.unwrap_or_else(|| "Failed (reported by node)".to_owned());
        let whole = (0..=LONGEST_MESSAGE).rev().find(|end| message.is_char_boundary(*end));
        message.truncate(whole.unwrap_or_default());
        task.end(State::Failed, Some(message), now);
        Ok(task.shown())
    }

    /// A task as the app sees it.
    pub(super) fn show(&mut self, id: &str, now: Now) -> Option<Shown> {
        self.sweep(now);
        self.0.iter().find(|task| task.id == id).map(Task::shown)
    }

    /// The tasks of a node, or of all.
    pub(super) fn list(&mut self, node_id: Option<&str>, now: Now) -> Vec<Shown> {
        self.sweep(now);
        let asked = |task: &&Task| node_id.is_none_or(|node_id| task.node_id == node_id);
        self.0.iter().filter(asked).map(Task::shown).collect()
    }

    fn sweep(&mut self, now: Now) {
        for task in &mut self.0 {
            let since = |then| now.tick.saturating_duration_since(then);
            let stuck = task.state == State::InProgress && since(task.updated.1) >= STUCK;
            if stuck || (task.state.is_open() && since(task.created.1) >= CEILING) {
                let message = format!("Timeout: no heartbeat confirming {}", task.target_version);
                task.end(State::Failed, Some(message), now);
            }
        }
    }
}

/// Whether a dotted version is above another. Versions that are not of numbers count as newer.
fn is_newer(target: &str, present: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        version.strip_prefix('v').unwrap_or(version).split('.').map(|part| part.parse().ok()).collect()
    };
    match (numbers(target), numbers(present)) {
        (Some(mut target), Some(mut present)) => {
            let length = target.len().max(present.len());
            target.resize(length, 0);
            present.resize(length, 0);
            target > present
        }
        (Some(_) | None, Some(_) | None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_center::rows::Rows;

    fn after(now: Now, seconds: u64) -> Now {
        Now { tick: now.tick + Duration::from_secs(seconds), ..now }
    }

    #[test]
    fn task_is_handed_out_once_and_ends_with_its_version() {
        let (mut tasks, mut rows, now) = (Tasks::default(), Rows::default(), Now::read());
        rows.insert("kitchen-pi", "key", "h", "kitchen", now);
        let queue = |tasks: &mut Tasks, at| {
            tasks.queue(rows.get("kitchen-pi"), "kitchen-pi", "v1.2.3", Home::Python, at)
        };
        let id = queue(&mut tasks, now).expect("queued");
        assert_eq!(queue(&mut tasks, now), Err(NotQueued::Queued(id.clone(), "pending")));
        assert_eq!(tasks.dispatch("attic-pi", now), None);
        assert_eq!(tasks.dispatch("kitchen-pi", now), Some((id.clone(), "1.2.3".to_owned())));
        assert_eq!(tasks.dispatch("kitchen-pi", now), None);
        tasks.confirm("kitchen-pi", "1.2.2", after(now, 29));
        assert_eq!(queue(&mut tasks, now), Err(NotQueued::Queued(id.clone(), "dispatched")));
        tasks.confirm("kitchen-pi", "1.2.2", after(now, 30));
        assert_eq!(queue(&mut tasks, now), Err(NotQueued::Queued(id.clone(), "in_progress")));
        tasks.confirm("kitchen-pi", "1.2.3", now);
        let failed = tasks.fail("kitchen-pi", &id, None, now);
        assert_eq!(failed.err(), Some(NotEnded::Already(State::Success)));
        assert!(queue(&mut tasks, now).is_ok());
    }

    #[test]
    fn task_without_a_heartbeat_fails_after_15_minutes() {
        let (mut tasks, mut rows, now) = (Tasks::default(), Rows::default(), Now::read());
        rows.insert("kitchen-pi", "key", "h", "kitchen", now);
        tasks.queue(rows.get("kitchen-pi"), "kitchen-pi", "1.2.3", Home::Jarvisd, now).expect("queued");
        assert_eq!(tasks.list(None, after(now, 899))[0].state, State::Pending);
        let ended = &tasks.list(None, after(now, 900))[0];
        assert_eq!(ended.error_message.as_deref(), Some("Timeout: no heartbeat confirming 1.2.3"));
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        for (target, present, newer) in
            [("0.3.10", "0.3.9", true), ("1.0", "1.0.0", false), ("1.2", "1.3", false), ("new", "1.3", true)]
        {
            assert_eq!(is_newer(target, present), newer, "{target} {present}");
        }
    }
}
