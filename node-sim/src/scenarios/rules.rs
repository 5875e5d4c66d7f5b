//! Rules that hold in every run, whatever happens to the node. They keep a record of the server's answers
//! that is independent of the agent, and simpler.

use core::time::Duration;

use node_core::agent::{ANSWER_OVERDUE, REJECTED_RETRY, Settings};
use node_core::jitter::RETRY_CAP;
use node_core::outcome::Outcome;
use node_core::trouble::TroubleKind;

use super::expectation::Failure;
use crate::world::{Board, Entry, EntryKind, History, Reply, WorldEvent};

/// This many calls a minute to a server that is there count as hammering, under any retry rule.
const HAMMERING: usize = 30;
const A_MINUTE: Duration = Duration::from_secs(60);

/// The server's last verdict about the node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// The node is valid: when the server said so, and about which node id.
    Accepted(Duration, String),
    /// These files were rejected.
    Rejected((String, u64)),
}

/// The knowledge about a run so far.
struct Account {
    settings: Settings,
    /// The node id in the files that the program uses, and the stamp of their keys.
    files: Option<(String, u64)>,
    verdict: Option<Verdict>,
    /// Whether the last answer since the program started was a verdict.
    confirmed: bool,
    /// Whether the files were unusable when they were last read.
    broken: bool,
    calling: bool,
    /// Whether the files may have changed since the call in flight was made.
    stale: bool,
    outcome: Option<(Duration, Outcome)>,
    calls: Vec<Duration>,
}

/// The first broken rule of a run.
#[must_use]
pub fn broken_rule(history: &History) -> Option<Failure> {
    let mut account = Account {
        settings: history.settings,
        files: None,
        verdict: None,
        confirmed: false,
        broken: false,
        calling: false,
        stale: false,
        outcome: None,
        calls: Vec::new(),
    };
    let mut entries = history.entries.iter().peekable();
    while let Some(entry) = entries.next() {
        let broken = account.take_in(entry);
        // The outcome is checked once all events of the same moment are recorded.
        let settled = entries.peek().is_none_or(|next| next.at > entry.at);
        let sentence = broken.or_else(|| if settled { account.judge(entry.at) } else { None });
        if let Some(sentence) = sentence {
            return Some(Failure { at: entry.at, sentence: format!("a rule is broken: {sentence}") });
        }
    }
    account
        .judge(history.span)
        .map(|sentence| Failure { at: history.span, sentence: format!("a rule is broken: {sentence}") })
}

impl Account {
    fn take_in(&mut self, entry: &Entry) -> Option<String> {
        match &entry.kind {
            EntryKind::Began => {
                self.calls.clear();
                (self.files, self.outcome) = (None, None);
                (self.confirmed, self.broken, self.calling, self.stale) = (false, false, false, false);
            }
            EntryKind::Happened { event, .. } => self.happen(event),
            EntryKind::Read(Ok(files)) => {
                self.broken = false;
                // Acceptance is about the node id, a rejection about the exact files.
                let holds = match &self.verdict {
                    Some(Verdict::Accepted(_, node_id)) => *node_id == files.0,
                    Some(Verdict::Rejected(of)) => of == files,
                    None => true,
                };
                if !holds {
                    self.verdict = None;
                }
                self.files = Some(files.clone());
            }
            EntryKind::Read(Err(_)) => self.broken = true,
            EntryKind::Probed => return self.probe(),
            EntryKind::Asked { wall } => return self.ask(entry.at, wall.0 < Board::BUILT.0),
            EntryKind::Answered(said) => self.hear(entry.at, said),
            EntryKind::Shown { outcome, .. } => self.outcome = Some((entry.at, *outcome)),
            EntryKind::Sleeps(sleep) => {
                let Settings { revalidate, start_splay, request_timeout, .. } = self.settings;
                let longest = revalidate.max(REJECTED_RETRY).max(RETRY_CAP);
                let longest = longest + longest / 10 + request_timeout + ANSWER_OVERDUE;
                if *sleep > longest.max(start_splay) {
                    return Some(format!("the agent does nothing for {} s", sleep.as_secs()));
                }
            }
            EntryKind::Ended { lit, .. } => {
                (self.outcome, self.calling) = (None, false);
                if *lit {
                    return Some("the program has ended and left the LED lit".into());
                }
            }
            EntryKind::Strip(marks) => return self.look(marks),
            EntryKind::KeptOldSetup(_) | EntryKind::Household(_) | EntryKind::Observed { .. } => {}
        }
        None
    }

    fn happen(&mut self, event: &WorldEvent) {
        match event {
            WorldEvent::PowerOff | WorldEvent::PowerCut => {
                (self.verdict, self.outcome, self.calling) = (None, None, false);
            }
            WorldEvent::Reload => self.stale = self.calling,
            WorldEvent::Crash => self.calling = false,
            WorldEvent::Server(_)
            | WorldEvent::Files(_)
            | WorldEvent::Clock(_)
            | WorldEvent::CardMoved(_)
            | WorldEvent::StateDeleted
            | WorldEvent::Restart
            | WorldEvent::PowerOn
            | WorldEvent::Stop => {}
        }
    }

    /// A probe costs the server next to nothing, but nothing else may be in flight.
    fn probe(&mut self) -> Option<String> {
        core::mem::replace(&mut self.calling, true).then(|| "a call and a probe at once".into())
    }

    fn ask(&mut self, at: Duration, clock_unset: bool) -> Option<String> {
        self.calls.retain(|call| *call + A_MINUTE > at);
        self.calls.push(at);
        if core::mem::replace(&mut self.calling, true) {
            Some("two calls at once".into())
        } else if clock_unset && self.settings.clock_floor.is_some() {
            Some("a call over TLS with a clock that is not set".into())
        } else if self.calls.len() >= HAMMERING {
            Some(format!("{HAMMERING} calls within a minute"))
        } else {
            None
        }
    }

    fn hear(&mut self, at: Duration, said: &Reply) {
        self.calling = false;
        if *said == Reply::Reachable {
            self.stale = false;
            return;
        }
        if let Reply::Inconclusive { kind: TroubleKind::NameUnknown | TroubleKind::Unreachable, .. } = said {
            // The call reached no server.
            self.calls.pop();
        }
        if core::mem::take(&mut self.stale) {
            return;
        }
        let Some(files) = &self.files else { return };
        match said {
            Reply::Valid => self.verdict = Some(Verdict::Accepted(at, files.0.clone())),
            Reply::Rejected(_) => self.verdict = Some(Verdict::Rejected(files.clone())),
            Reply::Reachable | Reply::Inconclusive { .. } => {}
        }
        self.confirmed = !matches!(said, Reply::Inconclusive { .. });
    }

    /// Checks the outcome that is shown.
    fn judge(&self, at: Duration) -> Option<String> {
        let (_, outcome) = self.outcome?;
        let Settings { offline_grace, revalidate, request_timeout, .. } = self.settings;
        let (yes, rejected) = match &self.verdict {
            Some(Verdict::Accepted(since, _)) => (Some(at - *since), false),
            Some(Verdict::Rejected(_)) => (None, true),
            None => (None, false),
        };
        // A verdict of this run counts until the next one is due, even without an offline grace period.
        let between = revalidate + revalidate / 10 + request_timeout + ANSWER_OVERDUE;
        let fresh = yes.filter(|age| self.confirmed && *age <= offline_grace.max(between));
        match outcome {
            Outcome::Valid if fresh.is_none() => Some("valid without a verdict of the server".into()),
            Outcome::ValidCached if yes.is_none_or(|age| age > offline_grace) => {
                Some("valid-cached without a verdict within the offline grace period".into())
            }
            Outcome::NodeRejected if !rejected => Some("node-rejected without a rejection".into()),
            Outcome::Valid | Outcome::ValidCached | Outcome::NodeRejected => None,
            // Until the files have been read, no verdict is known to be about this node.
            _ if self.files.is_none() => None,
            _ if yes.is_some_and(|age| age < offline_grace) => Some(format!(
                "{outcome}: valid ended without a rejection and before the offline grace period did"
            )),
            Outcome::Setup if self.broken => None,
            _ if rejected => Some(format!("{outcome}: a rejection was forgotten")),
            Outcome::Starting
            | Outcome::Network
            | Outcome::Server
            | Outcome::AppRejected
            | Outcome::Tls
            | Outcome::Clock
            | Outcome::Setup => None,
        }
    }

    /// Checks the LED against the table in the README.
    fn look(&self, marks: &str) -> Option<String> {
        let (_, outcome) = self.outcome?;
        let round = round_of(outcome);
        let endless = round.repeat(marks.len() / round.len() + 1);
        (!endless.starts_with(marks)).then(|| format!("the LED of {outcome} shows {marks}"))
    }
}

/// One round of the LED's pattern, 100 ms per mark, as in the README's table.
fn round_of(outcome: Outcome) -> String {
    let flashes = |count: usize| "##..".repeat(count) + "..........";
    match outcome {
        Outcome::Starting => "#.".into(),
        Outcome::Valid => "#".into(),
        Outcome::ValidCached => "##################..".into(),
        Outcome::Network => flashes(2),
        Outcome::Server => flashes(3),
        Outcome::NodeRejected => flashes(4),
        Outcome::AppRejected => flashes(5),
        Outcome::Tls => flashes(6),
        Outcome::Clock => flashes(7),
        Outcome::Setup => flashes(8),
    }
}
