//! A run. The time is an argument.

use axum::body::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::moment::written;
use crate::secrets::new_uuid;

/// The events of a run, in order. The first is produced at the start.
const EVENTS: [&str; 5] =
    ["run_started", "node_run_assigned", "atomic_executed", "node_evaluated", "run_completed"];

/// The state of a run and its events so far.
pub(super) struct Run {
    id: String,
    root_node_run_id: String,
    node_type_ref: Value,
    input: Value,
    run_context: Option<Value>,
    state: RunState,
    started_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
    lines: Vec<Bytes>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RunState {
    Running,
    Succeeded,
    Canceled,
}

impl RunState {
    const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

impl Run {
    /// Starts a run for a valid request.
    pub(super) fn start(id: &str, request: &Value, now: OffsetDateTime) -> Self {
        let mut run = Self {
            id: id.to_owned(),
            root_node_run_id: format!("node_run_{}", new_uuid()),
            node_type_ref: request["root_node_type_ref"].clone(),
            input: request["input"].clone(),
            run_context: request.get("run_context").cloned(),
            state: RunState::Running,
            started_at: now,
            ended_at: None,
            lines: Vec::new(),
        };
        run.happens(now);
        run
    }

    /// Produces the next event. False: the run is over.
    pub(super) fn step(&mut self, now: OffsetDateTime) -> bool {
        if self.is_over() {
            return false;
        }
        if self.lines.len() + 1 == EVENTS.len() {
            self.ends(RunState::Succeeded, now);
        } else {
            self.happens(now);
        }
        true
    }

    /// Ends the run, unless it is over.
    pub(super) fn cancel(&mut self, now: OffsetDateTime) {
        if !self.is_over() {
            self.ends(RunState::Canceled, now);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state != RunState::Running
    }

    /// Its events, a line of JSON each.
    pub(super) fn lines(&self) -> &[Bytes] {
        &self.lines
    }

    /// The run by its schema. Missing members are left out.
    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({
            "run_id": self.id,
            "state": self.state.name(),
            "root_node_run_id": self.root_node_run_id,
            "started_at": written(self.started_at),
        });
        if let Some(run_context) = &self.run_context {
            json["run_context"] = run_context.clone();
        }
        if let Some(ended_at) = self.ended_at {
            json["ended_at"] = written(ended_at).into();
        }
        json
    }

    fn ends(&mut self, how: RunState, now: OffsetDateTime) {
        self.state = how;
        self.ended_at = Some(now);
        self.tell("run_completed", now);
    }

    fn happens(&mut self, now: OffsetDateTime) {
        let kind = EVENTS.get(self.lines.len()).copied().unwrap_or("run_completed");
        self.tell(kind, now);
    }

    fn tell(&mut self, kind: &str, now: OffsetDateTime) {
        let data = match kind {
            "run_completed" => json!({ "state": self.state.name() }),
            "atomic_executed" => json!({ "outputs": self.input }),
            "node_evaluated" => json!({ "status": "success" }),
            _ => json!({ "node_type_ref": self.node_type_ref }),
        };
        let event = json!({
            "run_id": self.id,
            "node_run_id": self.root_node_run_id,
            "seq": self.lines.len() + 1,
            "type": kind,
            "time": written(now),
            "data": data,
        });
        self.lines.push(Bytes::from(format!("{event}\n")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn run() -> Run {
        let request = json!({
            "root_node_type_ref": { "node_type_id": "t", "version": "1" },
            "input": { "say": "hello" },
        });
        Run::start("r", &request, NOW)
    }

    fn events(run: &Run) -> Vec<Value> {
        run.lines().iter().map(|line| serde_json::from_slice(line).expect("JSON")).collect()
    }

    #[test]
    fn a_run_goes_through_its_events_and_succeeds() {
        let mut run = run();
        assert_eq!(run.to_json()["state"], "running");
        while run.step(NOW) {}
        let events = events(&run);
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().expect("a type")).collect();
        assert_eq!(kinds, EVENTS);
        for (n, event) in (1..).zip(&events) {
            assert_eq!((&event["seq"], &event["run_id"]), (&json!(n), &json!("r")));
        }
        assert_eq!(events[2]["data"]["outputs"]["say"], "hello");
        assert_eq!(events[4]["data"]["state"], "succeeded");
        assert_eq!(
            (&run.to_json()["state"], run.to_json()["ended_at"].is_string()),
            (&json!("succeeded"), true)
        );
    }

    #[test]
    fn cancelling_ends_a_run_once() {
        let mut run = run();
        run.cancel(NOW);
        let ended = run.to_json();
        assert_eq!((&ended["state"], run.lines().len()), (&json!("canceled"), 2));
        assert!(!run.step(NOW));
        run.cancel(NOW + time::Duration::HOUR);
        assert_eq!((run.to_json(), run.lines().len()), (ended, 2));
        let mut done = self::run();
        while done.step(NOW) {}
        done.cancel(NOW);
        assert_eq!(done.to_json()["state"], "succeeded");
    }

    #[test]
    fn missing_members_of_a_run_are_left_out() {
        let keys: Vec<_> = run().to_json().as_object().expect("an object").keys().cloned().collect();
        assert_eq!(keys, ["root_node_run_id", "run_id", "started_at", "state"]);
    }
}
