//! What happened and what is to be done: all that passes between the agent and whoever runs it.

use core::time::Duration;

use crate::answer::Answer;
use crate::credential::NodeId;
use crate::household::Household;
use crate::outcome::Outcome;
use crate::text::Text;
use crate::time::{Instant, UnixTime};
use crate::trouble::Trouble;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program began, with what an earlier run on this boot left behind.
    Started(Option<Remembered>),
    /// Answer to [`Action::ReadSetup`].
    SetupRead(Result<Setup, Trouble>),
    /// Answer to [`Action::Validate`] or [`Action::Probe`].
    Answered(Answer),
    /// The moment named by [`super::Agent::deadline`] has come.
    DeadlineReached,
    /// Somebody changed configuration or credential and wants them read.
    ReloadRequested,
    /// The program is to end.
    StopRequested,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read configuration, credential and app key; answer with [`Event::SetupRead`].
    ReadSetup,
    /// Ask the server whether the node is valid, with what was read last; answer with
    /// [`Event::Answered`]. At most one is under way.
    Validate,
    /// Ask the server whether it has time, and nothing else; answer with [`Event::Answered`], which holds
    /// no verdict. Under way instead of a validation, never beside one.
    Probe,
    /// The outcome has changed: put it on the LED, log it, tell the service manager.
    Show(Outcome),
    /// What [`super::Agent::report`] says has changed: write it where others read it.
    Publish,
    /// A new setup cannot be used for this reason; the one before it stays in use.
    KeepOldSetup(Trouble),
    /// End the program.
    Exit(Exit),
}

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to.
    Asked,
    /// An answer to [`Action::Validate`] or [`Action::Probe`] is overdue by its own time-outs: our own bug, and only
    /// a fresh process mends it.
    AnswerLost,
}

/// What the node claims to be, for what, before whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The node's name.
    pub node_id: NodeId,
    /// The service it wants to use.
    pub service_id: Text<128>,
    /// The auth service that is asked.
    pub auth_url: Text<256>,
    /// Changes whenever the files with the secrets are replaced; tells nothing about them.
    pub secrets_stamp: u64,
}

impl Claim {
    /// Whether a good verdict on `other` is one on this too.
    #[must_use]
    pub fn is_same_subject(&self, other: &Self) -> bool {
        self.node_id == other.node_id
            && self.service_id == other.service_id
            && self.auth_url == other.auth_url
    }
}

/// What the agent needs to know of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time between validations, spread by a tenth either way.
    pub revalidate: Duration,
    /// How long a good verdict counts while no fresh one can be had.
    pub offline_grace: Duration,
    /// The first validation comes at a random moment within this.
    pub start_splay: Duration,
    /// The longest a validation may take.
    pub request_timeout: Duration,
    /// Before this the clock is not set and certificates cannot be judged; `None` where no
    /// certificate is used.
    pub clock_floor: Option<UnixTime>,
}

/// A setup that was read and found sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What the node claims to be.
    pub claim: Claim,
    /// How it goes about it.
    pub settings: Settings,
}

/// What the server last said about a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The node is valid.
    Valid {
        /// When it said so.
        at: Instant,
        /// What it said with it.
        household: Household,
    },
    /// The node is not.
    Rejected {
        /// When it said so.
        at: Instant,
        /// The server's reason.
        reason: Text<200>,
    },
}

/// A verdict of an earlier run on this boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What it is about.
    pub claim: Claim,
    /// What it was.
    pub verdict: Verdict,
}
