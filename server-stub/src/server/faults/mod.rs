//! The faults a server can have, by name: those seen in the field, and worse ones.
//!
//! [`Faults`] describes how they combine and when they are in effect. The speed of the service and its limits
//! are not faults. A fault that replaces an answer keeps the request from the service and costs it nothing.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::io;
use std::time::SystemTime;

use axum::http::Extensions;
use serde::{Serialize, Serializer};

use catalogue::{CATALOGUE, Kind};

mod catalogue;
pub(crate) mod content;
mod gzip;
pub(crate) mod status;
pub(super) mod switch;

pub use catalogue::Faults;
pub(crate) use catalogue::{
    Accepted, Content, Date, Delivery, ExpiresIn, Flaw, Handshake, HomeFault, ListenFault, Moment, Oauth,
    RetryAfter, Status, Token, TokenType,
};

/// The error of a clock that is off: beyond any accepted skew.
const CLOCK_OFF: Duration = Duration::from_secs(600);

/// One fault. It has a stable name and a description; `server-stub --list-faults` prints both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(Kind);

impl Fault {
    /// Every fault, in the order of the stages.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(|(fault, ..)| *fault)
    }

    /// Its name, such as `status-503`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// What the server does, in one line.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.entry().1
    }

    /// Whether it affects the answer to a token request. Only a token service can have such a fault.
    #[must_use]
    pub fn is_of_tokens(self) -> bool {
        matches!(self.0, Kind::Oauth(_) | Kind::Token(_) | Kind::ExpiresIn(_) | Kind::TokenType(_))
    }

    /// The service of a home that this fault is made for. None: every service can have it, or none of a home.
    #[must_use]
    pub fn home_service(self) -> Option<HomeService> {
        let Kind::HomeFault(fault) = self.0 else { return None };
        Some(match fault {
            HomeFault::PasswordExpired => HomeService::Auth,
            HomeFault::LogsStoreFails => HomeService::Logs,
            HomeFault::AuthUnavailable
            | HomeFault::AuthError
            | HomeFault::AuthNotConfigured
            | HomeFault::RowMissing
            | HomeFault::RegistrationFails
            | HomeFault::MqttOff
            | HomeFault::PushWithheld
            | HomeFault::PushFails
            | HomeFault::LlmAbsent
            | HomeFault::LlmFails => HomeService::CommandCenter,
        })
    }

    fn entry(self) -> (&'static str, &'static str) {
        let entry = CATALOGUE.iter().find(|(fault, ..)| *fault == self);
        entry.map_or(("", ""), |(_, name, description)| (name, description))
    }
}

/// A service of a home with faults of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeService {
    /// The auth service.
    Auth,
    /// The command center.
    CommandCenter,
    /// The logs. They also have the command center's faults of the auth service.
    Logs,
}

impl HomeFault {
    /// The one in effect for a request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Faults>().and_then(|faults| faults.home)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(name: &str) -> Result<Self, FaultError> {
        let entry = CATALOGUE.iter().find(|(_, known, _)| *known == name);
        entry.map(|(fault, ..)| *fault).ok_or_else(|| FaultError::Unknown(name.to_owned()))
    }
}

/// Why a server cannot have these faults.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// There is no fault of that name.
    #[error("there is no fault '{0}'; {near}", near = instead_of(.0))]
    Unknown(String),
    /// Both belong to the same stage.
    #[error("{0} and {1} contradict each other; choose one of them")]
    Contradiction(Fault, Fault),
    /// It needs TLS, which the server does not speak.
    #[error("{0} is a fault of TLS; start the stub without --plain")]
    NeedsTls(Fault),
    /// It needs tokens, which the server does not issue.
    #[error("{0} is a fault of the tokens that the token service issues; give it to that one")]
    NeedsTokens(Fault),
    /// It is of a home's own services, of which this is none.
    #[error(
        "{0} is a fault of a home's services; give it to the auth service, the command center or the logs"
    )]
    NeedsHome(Fault),
    /// It refuses connections, which are not counted.
    #[error("{0} cannot be had for a number of connections; set it and take it back")]
    Uncounted(Fault),
    /// Another process has taken the server's address meanwhile; the call can be repeated.
    #[error("the server's address cannot be listened on: {0}")]
    Door(io::Error),
}

fn instead_of(name: &str) -> String {
    match near(name).as_slice() {
        [] => format!("server-stub --list-faults names all {}", CATALOGUE.len()),
        near => format!("near it: {}", near.join(", ")),
    }
}

/// The names that share the longest prefix with `name`; none if no name shares a character.
fn near(name: &str) -> Vec<&'static str> {
    let common = |known: &str| known.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let most = CATALOGUE.iter().map(|(_, known, _)| common(known)).max().unwrap_or_default();
    let nearest = |known: &&str| most > 0 && common(known) == most;
    CATALOGUE.iter().map(|(_, known, _)| *known).filter(nearest).collect()
}

impl Faults {
    /// The time by the clock of a service that has these.
    pub(crate) fn clock(self) -> SystemTime {
        let now = SystemTime::now();
        match self.token {
            Some(Token::ClockAhead) => now + CLOCK_OFF,
            Some(Token::ClockBehind) => now - CLOCK_OFF,
            Some(_) | None => now,
        }
    }

    /// The set of these faults.
    ///
    /// # Errors
    /// [`FaultError::Contradiction`].
    pub fn of(faults: &[Fault]) -> Result<Self, FaultError> {
        let mut all = Self::NONE;
        for fault in faults {
            all.insert(*fault).map_err(|there| FaultError::Contradiction(there, *fault))?;
        }
        Ok(all)
    }

    /// Whether one of them is met before a request is read.
    pub(crate) fn is_before_requests(&self) -> bool {
        self.accepted.is_some()
            || self.handshake.is_some()
            || self.certificate.is_some()
            || self.moment.is_some_and(Moment::is_before_requests)
    }

    /// The first fault that needs TLS.
    pub(super) fn of_tls(&self) -> Option<Fault> {
        let handshake = self.handshake.map(|fault| Fault(Kind::Handshake(fault)));
        handshake.or(self.certificate.map(|flaw| Fault(Kind::Flaw(flaw))))
    }

    /// The first fault that needs tokens.
    pub(super) fn of_tokens(&self) -> Option<Fault> {
        self.iter().find(|fault| fault.is_of_tokens())
    }

    /// The first fault that needs a service of a home.
    pub(super) fn of_a_home(&self) -> Option<Fault> {
        self.home.map(|fault| Fault(Kind::HomeFault(fault)))
    }

    /// Whether only token requests meet them.
    pub(super) fn are_of_tokens(&self) -> bool {
        self.iter().all(Fault::is_of_tokens)
    }

    /// The fault of the listening socket.
    pub(super) fn of_the_listener(&self) -> Option<Fault> {
        self.listener.map(|fault| Fault(Kind::ListenFault(fault)))
    }
}

impl FromStr for Faults {
    type Err = FaultError;

    /// Reads names with commas between them; an empty text is no fault.
    fn from_str(names: &str) -> Result<Self, FaultError> {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self::of(&names.map(str::parse).collect::<Result<Vec<Fault>, _>>()?)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.iter().enumerate() {
            write!(f, "{}{fault}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl Serialize for Faults {
    /// A list of names.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Fault::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_no_name_is_taken_twice() {
        for (n, fault) in Fault::all().enumerate() {
            assert_eq!(fault.name().parse::<Fault>().ok(), Some(fault));
            assert!(!fault.description().is_empty(), "{fault}");
            let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(fault.name().bytes().all(kebab), "{fault}");
            assert!(Fault::all().skip(n + 1).all(|other| other.name() != fault.name()), "{fault} twice");
        }
        assert!(Fault::all().count() >= 40);
    }

    #[test]
    fn faults_of_different_places_combine_and_come_back_by_name() {
        let faults: Faults = "body-slow, status-503,retry-after-60".parse().expect("they combine");
        assert_eq!(faults.to_string(), "status-503,retry-after-60,body-slow");
        assert_eq!(faults.to_string().parse::<Faults>().expect("the same"), faults);
        assert_eq!("".parse::<Faults>().expect("none"), Faults::NONE);
        assert!("stall,stall".parse::<Faults>().is_ok(), "the same twice is no contradiction");
    }

    #[test]
    fn impossible_faults_are_named() {
        let told = |names: &str| names.parse::<Faults>().expect_err("refused").to_string();
        assert_eq!(
            told("status-500,status-503"),
            "status-500 and status-503 contradict each other; choose one of them"
        );
        assert!(told("refusd").ends_with("near it: refused"), "{}", told("refusd"));
        assert!(told("xyz").ends_with(&format!("names all {}", Fault::all().count())), "{}", told("xyz"));
    }
}
