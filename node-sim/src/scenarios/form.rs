//! The keys of a scenario file, as `node-sim/scenarios/README.md` describes them. Unknown keys are errors.

use node_core::outcome::Outcome;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::moment::{Between, Moment};
use crate::span::Span;
use crate::world::{Clock, FilesChange, ServerChange, Via, WorldEvent};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioForm {
    pub(super) about: String,
    pub(super) from: String,
    #[serde(default)]
    pub(super) transcript: bool,
    pub(super) lasts: Span,
    #[serde(default)]
    pub(super) board: BoardForm,
    #[serde(default)]
    pub(super) files: FilesChange,
    #[serde(default)]
    pub(super) server: ServerChange,
    #[serde(default)]
    pub(super) events: Vec<EventForm>,
    #[serde(default)]
    pub(super) expect: Vec<ExpectForm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BoardForm {
    pub(super) revalidate: Option<Span>,
    pub(super) grace: Option<Span>,
    pub(super) splay: Option<Span>,
    pub(super) spread: Option<Span>,
    pub(super) timeout: Option<Span>,
    pub(super) via: Option<Via>,
    pub(super) tls: Option<bool>,
    pub(super) clock: Option<ClockForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventForm {
    pub(super) at: Moment,
    pub(super) what: String,
    pub(super) every: Option<Between>,
    pub(super) until: Option<Moment>,
    #[serde(rename = "for")]
    pub(super) lasts: Option<Between>,
    pub(super) server: Option<ServerChange>,
    pub(super) files: Option<FilesChange>,
    pub(super) clock: Option<ClockForm>,
    pub(super) serial: Option<String>,
    #[serde(rename = "do")]
    pub(super) deed: Option<Deed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectForm {
    pub(super) at: Option<Moment>,
    pub(super) from: Option<Moment>,
    pub(super) to: Option<Moment>,
    pub(super) by: Option<Moment>,
    pub(super) outcome: Option<Seen>,
    pub(super) only: Option<Vec<Seen>>,
    pub(super) never: Option<Vec<Seen>>,
    pub(super) led: Option<String>,
    pub(super) household: Option<String>,
    pub(super) calls: Option<CallsForm>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallsForm {
    #[serde(default)]
    pub(super) least: usize,
    pub(super) most: Option<usize>,
    pub(super) apart: Option<Span>,
}

/// An action on the board or the program.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Deed {
    Reload,
    Restart,
    Crash,
    Stop,
    PowerOff,
    PowerOn,
    PowerCut,
    DeleteState,
}

impl From<Deed> for WorldEvent {
    fn from(deed: Deed) -> Self {
        match deed {
            Deed::Reload => Self::Reload,
            Deed::Restart => Self::Restart,
            Deed::Crash => Self::Crash,
            Deed::Stop => Self::Stop,
            Deed::PowerOff => Self::PowerOff,
            Deed::PowerOn => Self::PowerOn,
            Deed::PowerCut => Self::PowerCut,
            Deed::DeleteState => Self::StateDeleted,
        }
    }
}

/// An outcome as seen from outside, or `off` if the program does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen(pub(super) Option<Outcome>);

impl core::fmt::Display for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.0.map_or("off", Outcome::as_str))
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == "off" {
            return Ok(Self(None));
        }
        Outcome::from_name(&name).map(|outcome| Self(Some(outcome))).ok_or_else(|| {
            let known = Outcome::ALL.map(Outcome::as_str).join(", ");
            D::Error::custom(format_args!("there is no outcome '{name}', but: {known}, off"))
        })
    }
}

/// `right`, `1970`, `ahead 10y`, `behind 1h`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockForm(pub(super) Clock);

impl<'de> Deserialize<'de> for ClockForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let clock = match text.split_once(' ') {
            None if text == "right" => Clock::Right,
            None if text == "1970" => Clock::Epoch,
            Some(("ahead", by)) => Clock::Ahead(by.parse::<Span>().map_err(D::Error::custom)?.0),
            Some(("behind", by)) => Clock::Behind(by.parse::<Span>().map_err(D::Error::custom)?.0),
            _ => {
                return Err(D::Error::custom(format_args!(
                    "a clock is 'right', '1970', 'ahead 10y' or 'behind 1h', not '{text}'"
                )));
            }
        };
        Ok(Self(clock))
    }
}
