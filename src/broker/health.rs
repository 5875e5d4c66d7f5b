//! The node's health, in the form that all ARP services use (docs/wire/arp.md, "Run Gateway").

use node_core::outcome::Outcome;
use node_core::time::UnixTime;
use serde::Serialize;

use super::plan::UNCHECKED;
use crate::error::Warning;

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

/// `YYYY-MM-DDThh:mm:ssZ`.
fn rfc3339(UnixTime(secs): UnixTime) -> String {
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    let (mut year, mut day) = (1970, secs / 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 400 years have 146,097 days: all full cycles in one step.
    year += day / 146_097 * 400;
    day %= 146_097;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
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

    #[test]
    fn time_is_written_as_in_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_348_800, "2026-11-22T12:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_798_761_600, "2027-01-01T00:00:00Z"),
            // Not a leap year, and past what 32 bits can count.
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (13_569_465_600, "2400-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UnixTime(secs)), text);
        }
    }
}
