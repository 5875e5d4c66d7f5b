//! The node's health, in the form that all ARP services use (docs/wire/arp.md, "Run Gateway").

use node_core::outcome::Outcome;
use node_core::time::UnixTime;
use serde::Serialize;

use super::plan::UNCHECKED;
use crate::error::Warning;
use crate::system::clock::rfc3339;

/// The body of `GET /v1/health`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Health {
    /// `ok`, `degraded` (it goes on with what it has) or `down` (a person has to do something).
    status: &'static str,
    /// RFC 3339, by the board's clock, which may not be set yet.
    time: String,
    outcome: &'static str,
    /// Why no new tokens can be fetched; null if none has failed.
    token_trouble: Option<&'static str>,
    /// Trouble that the outcome does not depend on.
    warnings: Vec<Warning>,
}

impl Health {
    pub(super) fn of(
        outcome: Outcome,
        token_trouble: Option<&'static str>,
        warnings: Vec<Warning>,
        now: UnixTime,
    ) -> Self {
        let status = match outcome {
            Outcome::Valid if token_trouble.is_none() && warnings.iter().all(|one| one.code == UNCHECKED) => {
                "ok"
            }
            Outcome::Valid
            | Outcome::ValidCached
            | Outcome::Starting
            | Outcome::Network
            | Outcome::Server
            | Outcome::Tls
            | Outcome::Clock => "degraded",
            Outcome::NodeRejected | Outcome::AppRejected | Outcome::Setup => "down",
        };
        Self { status, time: rfc3339(now), outcome: outcome.as_str(), token_trouble, warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_from_the_outcome_and_token_trouble() {
        let told = |outcome, trouble| Health::of(outcome, trouble, Vec::new(), UnixTime(0)).status;
        assert_eq!(told(Outcome::Valid, None), "ok");
        assert_eq!(told(Outcome::Valid, Some("sts_timeout")), "degraded");
        let warnings = vec![Warning::new("led", "there is no LED", "Connect one.")];
        assert_eq!(Health::of(Outcome::Valid, None, warnings, UnixTime(0)).status, "degraded");
        let wanted = vec![Warning::new(UNCHECKED, "nothing is checked", "")];
        assert_eq!(Health::of(Outcome::Valid, None, wanted, UnixTime(0)).status, "ok", "it is configured so");
        assert_eq!(told(Outcome::ValidCached, None), "degraded");
        assert_eq!(told(Outcome::NodeRejected, None), "down");
        assert_eq!(told(Outcome::Setup, None), "down");
    }
}
