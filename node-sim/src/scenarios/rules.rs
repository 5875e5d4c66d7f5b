//! What holds in every run, whatever befalls the node: the rules of the product, kept by an account of its
//! own of what the server said, told in the plainest way, and not by what the agent keeps.

use core::time::Duration;

use node_core::agent::{ANSWER_OVERDUE, REJECTED_RETRY, Settings};
use node_core::jitter::RETRY_CAP;
use node_core::outcome::Outcome;
use node_core::trouble::TroubleKind;

use super::expectation::Failure;
use crate::world::{Board, Entry, Happening, History, Said, What};

/// So many calls in a minute that somebody has to deal with are hammering, whatever the rule of retries is.
const HAMMERING: usize = 30;
const A_MINUTE: Duration = Duration::from_secs(60);

/// What the server last said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// Yes, at that moment, about a node of this name.
    Yes(Duration, String),
    /// No, about these files.
    No((String, u64)),
}

/// What is known of a run so far.
struct Account {
    settings: Settings,
    /// Whose the files are that the program uses, and their stamp.
    files: Option<(String, u64)>,
    word: Option<Word>,
    /// Whether the last that was heard in this run of the program was a verdict.
    confirmed: bool,
    /// Whether the files could not be used when they were last read.
    broken: bool,
    calling: bool,
    /// Whether the files may be others than those the call under way is about.
    stale: bool,
    outcome: Option<(Duration, Outcome)>,
    calls: Vec<Duration>,
}

/// The first rule that a run breaks.
#[must_use]
pub fn broken_rule(history: &History) -> Option<Failure> {
    let mut account = Account {
        settings: history.settings,
        files: None,
        word: None,
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
        // What is shown is judged once all that happened at the moment has happened.
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
        match &entry.what {
            What::Began => {
                self.calls.clear();
                (self.files, self.outcome) = (None, None);
                (self.confirmed, self.broken, self.calling, self.stale) = (false, false, false, false);
            }
            What::Befell { happening, .. } => self.befall(happening),
            What::Read(Ok(files)) => {
                self.broken = false;
                // A yes is about the node, a no about the very files.
                let holds = match &self.word {
                    Some(Word::Yes(_, node_id)) => *node_id == files.0,
                    Some(Word::No(of)) => of == files,
                    None => true,
                };
                if !holds {
                    self.word = None;
                }
                self.files = Some(files.clone());
            }
            What::Read(Err(_)) => self.broken = true,
            What::Probed => return self.probe(),
            What::Asked { wall } => return self.ask(entry.at, wall.0 < Board::BUILT.0),
            What::Answered(said) => self.hear(entry.at, said),
            What::Shown { outcome, .. } => self.outcome = Some((entry.at, *outcome)),
            What::Sleeps(sleep) => {
                let Settings { revalidate, offline_grace, start_splay, request_timeout, .. } = self.settings;
                // Most of a grace must be left to those who ask again after a wait.
                let longest = revalidate.max(REJECTED_RETRY).max(RETRY_CAP).max(offline_grace / 3);
                let longest = longest + longest / 10 + request_timeout + ANSWER_OVERDUE;
                if *sleep > longest.max(start_splay) {
                    return Some(format!("nothing will be done of itself for {} s", sleep.as_secs()));
                }
            }
            What::Ended { lit, .. } => {
                (self.outcome, self.calling) = (None, false);
                if *lit {
                    return Some("the program has ended and left the LED lit".into());
                }
            }
            What::Strip(marks) => return self.look(marks),
            What::KeptOldSetup(_) | What::Household(_) | What::Look { .. } => {}
        }
        None
    }

    fn befall(&mut self, happening: &Happening) {
        match happening {
            Happening::PowerOff | Happening::PowerCut => {
                (self.word, self.outcome, self.calling) = (None, None, false);
            }
            Happening::Reload => self.stale = self.calling,
            Happening::Crash => self.calling = false,
            Happening::Server(_)
            | Happening::Files(_)
            | Happening::Clock(_)
            | Happening::Moved(_)
            | Happening::Forgotten
            | Happening::Restart
            | Happening::PowerOn
            | Happening::Stop => {}
        }
    }

    /// It costs nobody anything, but there must not be another under way.
    fn probe(&mut self) -> Option<String> {
        core::mem::replace(&mut self.calling, true).then(|| "a call and a knock at once".into())
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

    fn hear(&mut self, at: Duration, said: &Said) {
        self.calling = false;
        if *said == Said::Open {
            self.stale = false;
            return;
        }
        if let Said::Nothing { kind: TroubleKind::NameUnknown | TroubleKind::Unreachable, .. } = said {
            // Nobody was there to be bothered.
            self.calls.pop();
        }
        if core::mem::take(&mut self.stale) {
            return;
        }
        let Some(files) = &self.files else { return };
        match said {
            Said::Yes => self.word = Some(Word::Yes(at, files.0.clone())),
            Said::No(_) => self.word = Some(Word::No(files.clone())),
            Said::Open | Said::Nothing { .. } => {}
        }
        self.confirmed = !matches!(said, Said::Nothing { .. });
    }

    /// Whether what is shown is what has to be.
    fn judge(&self, at: Duration) -> Option<String> {
        let (_, outcome) = self.outcome?;
        let Settings { offline_grace, revalidate, request_timeout, .. } = self.settings;
        let (yes, denied) = match &self.word {
            Some(Word::Yes(since, _)) => (Some(at - *since), false),
            Some(Word::No(_)) => (None, true),
            None => (None, false),
        };
        // With a word of its own run the time to the next one counts even without a grace.
        let between = revalidate + revalidate / 10 + request_timeout + ANSWER_OVERDUE;
        let fresh = yes.filter(|age| self.confirmed && *age <= offline_grace.max(between));
        match outcome {
            Outcome::Valid if fresh.is_none() => Some("valid without the server's word for it".into()),
            Outcome::ValidCached if yes.is_none_or(|age| age > offline_grace) => {
                Some("valid-cached without a verdict within the grace".into())
            }
            Outcome::NodeRejected if !denied => Some("node-rejected without a denial".into()),
            Outcome::Valid | Outcome::ValidCached | Outcome::NodeRejected => None,
            // Until the files can be read nothing is known to be about this node.
            _ if self.files.is_none() => None,
            _ if yes.is_some_and(|age| age < offline_grace) => {
                Some(format!("{outcome}: valid was taken away by neither a denial nor the end of the grace"))
            }
            Outcome::Setup if self.broken => None,
            _ if denied => Some(format!("{outcome}: a denial was forgotten")),
            Outcome::Starting
            | Outcome::Network
            | Outcome::Server
            | Outcome::AppRejected
            | Outcome::Tls
            | Outcome::Clock
            | Outcome::Setup => None,
        }
    }

    /// Whether the LED did what the README says of the outcome.
    fn look(&self, marks: &str) -> Option<String> {
        let (_, outcome) = self.outcome?;
        let round = round_of(outcome);
        let endless = round.repeat(marks.len() / round.len() + 1);
        (!endless.starts_with(marks)).then(|| format!("the LED of {outcome} does {marks}"))
    }
}

/// A round of what the LED does, 100 ms a mark, as the README's table has it.
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
