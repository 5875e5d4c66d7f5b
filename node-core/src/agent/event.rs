//! Everything that passes between the agent and the code that runs it: events in, actions out.

use core::time::Duration;

use super::ANSWER_OVERDUE;
use crate::answer::Answer;
use crate::credential::NodeId;
use crate::household::Household;
use crate::outcome::Outcome;
use crate::service::Service;
use crate::text::Text;
use crate::time::{Instant, UnixTime};
use crate::trouble::Trouble;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program was started, perhaps with a verdict of an earlier run on this boot.
    Started(Option<Remembered>),
    /// Answer to [`Action::ReadSetup`].
    SetupRead(Result<Setup, Trouble>),
    /// Answer to [`Action::Validate`] or [`Action::Probe`].
    Answered(Answer),
    /// The moment named by [`super::Agent::deadline`] has come.
    DeadlineReached,
    /// Configuration or credential may have changed and are to be read.
    ReloadRequested,
    /// The program is to end.
    StopRequested,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read configuration, credential and app key; answer with [`Event::SetupRead`].
    ReadSetup,
    /// Ask the server whether the node is valid, by the setup that was read last; answer with [`Event::Answered`]. At
    /// most one validation is under way.
    Validate,
    /// Ask the server whether it answers, and nothing else; answer with [`Event::Answered`], which holds no verdict. A
    /// probe is under way instead of a validation, never beside one.
    Probe,
    /// The outcome has changed: put it on the LED, log it, tell the service manager.
    Show(Outcome),
    /// [`super::Agent::report`] has changed: write it where other programs read it.
    Publish,
    /// The new setup cannot be used for this reason; the one before it stays in use.
    KeepOldSetup(Trouble),
    /// End the program.
    Exit(Exit),
}

/// Why the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to end.
    Asked,
    /// An answer to [`Action::Validate`] or [`Action::Probe`] is overdue by its own time-outs. This is a bug of this program, which
    /// only a new process can recover from.
    AnswerLost,
}

/// The node's claim: its name, the service it wants to use, and the server that is to confirm it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The node's name.
    pub node_id: NodeId,
    /// The service it wants to use.
    pub service_id: Text<128>,
    /// The address of the service that is to confirm it.
    pub asked_url: Text<256>,
    /// Changes when a file with a secret is replaced; tells nothing about its content.
    pub secrets_stamp: u64,
}

impl Claim {
    /// Whether a good verdict on `other` is also one on this claim.
    #[must_use]
    pub fn is_same_subject(&self, other: &Self) -> bool {
        self.node_id == other.node_id
            && self.service_id == other.service_id
            && self.asked_url == other.asked_url
    }
}

/// The part of the configuration that the agent needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Time between validations, spread by a tenth either way.
    pub revalidate: Duration,
    /// The offline grace period: how long a good verdict counts while no new one can be had.
    pub offline_grace: Duration,
    /// The first validation comes at a random time within this.
    pub start_splay: Duration,
    /// Within this time of a server's return the node calls it; set to the same in all nodes of a home.
    pub spread: Duration,
    /// The longest a validation may take.
    pub request_timeout: Duration,
    /// Before this the clock is not set and certificates cannot be judged; `None` where no
    /// certificate is used.
    pub clock_floor: Option<UnixTime>,
}

impl Settings {
    /// How long after its start a call without an answer counts as lost.
    #[must_use]
    pub fn lost_after(&self) -> Duration {
        self.request_timeout + ANSWER_OVERDUE
    }
}

/// A setup that was read and found sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The claim to be confirmed.
    pub claim: Claim,
    /// The service that is asked, in the words of the configuration.
    pub service: Service,
    /// How it is validated.
    pub settings: Settings,
}

/// The server's last verdict on a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The node is valid.
    Valid {
        /// When the server said so.
        at: Instant,
        /// The household in its answer.
        household: Household,
    },
    /// The node is rejected.
    Rejected {
        /// When the server said so.
        at: Instant,
        /// The server's reason.
        reason: Text<200>,
    },
}

/// A verdict of an earlier run on this boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The claim that was judged.
    pub claim: Claim,
    /// The verdict.
    pub verdict: Verdict,
}
