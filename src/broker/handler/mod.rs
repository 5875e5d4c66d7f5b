//! Answers requests. It uses no socket, clock or file: requests are passed in, and answers come back at once or later.

mod counts;
mod rate;

use std::sync::Arc;
use std::time::Duration;

use log::{debug, info};
use node_core::outcome::Outcome;
use node_core::time::{Instant, Now};
use serde::{Serialize, Serializer};

use self::counts::Counts;
use self::rate::Rates;
use super::answer::{Answer, BUSY, Refusal};
use super::callers::Caller;
use super::connection::ConnectionId;
use super::health::Health;
use super::request::{ACCESS_TOKEN, BrokerRequest};
use super::rules::Rules;
use crate::error::Warning;
use crate::files::status::View;
use crate::sts::{
    AccessToken, Asked, Concern, Grant, InvalidTokenError, TokenCache, TokenError, Wanted, for_audience,
};

#[cfg(test)]
mod trouble;

/// The node's state, as callers may see it.
pub(crate) struct About<'a> {
    /// The node's outcome.
    pub(crate) outcome: Outcome,
    /// The whole report, as `status --json` prints it.
    pub(crate) view: &'a dyn Fn() -> View,
    /// Adds the node's own metrics.
    pub(crate) metrics: &'a dyn Fn(&mut String),
}

/// Answers requests.
pub(super) struct Handler {
    pub(super) rules: Rules,
    pub(super) cache: TokenCache<ConnectionId>,
    pub(super) counts: Counts,
    rates: Rates,
    /// The last answer with metrics, and when it was made.
    metrics: Option<(Instant, Arc<Answer>)>,
}

/// The reply to a request.
pub(super) enum Reply {
    Now(Arc<Answer>),
    /// A token has to be fetched first.
    Later,
}

impl Handler {
    pub(super) fn new(rules: Rules, seed: u64) -> Self {
        let (counts, rates) = (Counts::default(), Rates::default());
        Self { rules, cache: TokenCache::new(seed), counts, rates, metrics: None }
    }

    /// Replies to `request` by `caller`, behind whom `person` is, on the connection `id`.
    pub(super) fn reply(
        &mut self,
        id: ConnectionId,
        caller: Caller,
        person: u32,
        request: &BrokerRequest,
        about: &About<'_>,
        now: Now,
    ) -> Reply {
        Reply::Now(Arc::new(match request {
            BrokerRequest::Health => {
                let trouble = self.troubles().next().map(|(_, error)| error.code());
                Answer::ok(&Health::of(about.outcome, trouble, (about.view)().warnings, now.wall))
            }
            BrokerRequest::Version => Answer::ok(&Version::default()),
            BrokerRequest::Status => Answer::ok(&(about.view)()),
            BrokerRequest::Metrics => return Reply::Now(self.metrics(about, now.instant)),
            BrokerRequest::Token { audience, scope, refused } => {
                let (audience, scope) =
                    (audience.as_ref().map(|a| a.as_str()), scope.as_ref().map(|s| s.as_str()));
                match self.rules.wanted(caller, audience, scope, None) {
                    Ok(wanted) => {
                        let refused = refused.as_ref().map(|r| r.as_str());
                        return self.token(id, person, &wanted, refused, now.instant);
                    }
                    Err(refusal) => self.refuse(refusal),
                }
            }
            BrokerRequest::Exchange { audience, scope, subject } => {
                let (audience, scope) =
                    (audience.as_ref().map(|a| a.as_str()), scope.as_ref().map(|s| s.as_str()));
                match self.rules.wanted(caller, audience, scope, Some(subject)) {
                    Ok(wanted) => return self.token(id, person, &wanted, None, now.instant),
                    Err(refusal) => self.refuse(refusal),
                }
            }
        }))
    }

    /// Refuses a request for a token.
    fn refuse(&mut self, refusal: Refusal) -> Answer {
        self.counts.answers.add(refusal.code);
        refusal.into()
    }

    /// The answer with all metrics. It is long, so all who ask within a second share one.
    fn metrics(&mut self, about: &About<'_>, now: Instant) -> Arc<Answer> {
        let last = self.metrics.as_ref().filter(|(made, _)| now.since(*made) < METRICS_LAST);
        if let Some((_, answer)) = last {
            return Arc::clone(answer);
        }
        let mut text = String::new();
        (about.metrics)(&mut text);
        self.counts.write(&mut text);
        let answer = Arc::new(Answer::metrics(&text));
        self.metrics = Some((now, Arc::clone(&answer)));
        answer
    }

    /// Frees what no caller needs any more.
    pub(super) fn forget_metrics(&mut self) {
        self.metrics = None;
    }

    /// Refuses a request for a token because there are too many.
    pub(super) fn busy(&mut self, why: &str) -> Refusal {
        self.counts.answers.add(BUSY);
        Refusal::busy(why)
    }

    /// The next token to fetch, if any.
    pub(super) fn next_request(&mut self, now: Instant) -> Option<Wanted> {
        let wanted = self.cache.next_request(now)?;
        self.counts.fetching(now);
        Some(wanted)
    }

    /// Takes the result of fetching `wanted`; returns the answers for the connections that wait for it.
    pub(super) fn fetched(
        &mut self,
        wanted: &Wanted,
        result: Result<AccessToken, TokenError>,
        now: Instant,
    ) -> Vec<(ConnectionId, Arc<Answer>)> {
        if let Err(error) = &result
            && error.concern() == Concern::Wanted
        {
            debug!("no token {}: {error}", for_audience(&wanted.audience));
        }
        self.counts.fetched(result.as_ref().err().map_or(GIVEN, TokenError::code), now);
        let was_in_trouble = self.troubles().next().is_some();
        let asked = self.cache.fetched(wanted, result, now);
        if was_in_trouble && self.troubles().next().is_none() {
            info!("tokens can be had again");
        }
        // Connections that waited for the same token share one answer.
        let mut last: Option<(Asked, Arc<Answer>)> = None;
        let told = asked.into_iter().map(|(id, asked)| {
            let answer = match &last {
                Some((before, answer)) if *before == asked => Arc::clone(answer),
                Some(_) | None => Arc::new(answer(wanted, &asked, now)),
            };
            self.counts.answers.add(result_of(&asked));
            last = Some((asked, Arc::clone(&answer)));
            (id, answer)
        });
        told.collect()
    }

    /// The failures that affect more than one token, each with the tokens that cannot be had.
    fn troubles(&self) -> impl Iterator<Item = (&'static str, &TokenError)> {
        let (all, by_grant) = self.cache.errors();
        let by_grant = by_grant.map(|error| match error.grant() {
            Grant::ClientCredentials => ("no tokens of the node's own can be had", error),
            Grant::Exchange => ("no tokens can be exchanged", error),
        });
        all.map(|error| ("no tokens can be had", error)).into_iter().chain(by_grant)
    }

    /// A warning for each failure that affects more than one token.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Warning> {
        self.troubles().map(|(what, error)| {
            let again = if error.is_permanent() {
                "It is asked again after a reload (sudo systemctl reload jarvis-node-agent)."
            } else {
                "It is asked again when a program next wants a token after a pause, or after a reload (sudo systemctl \
                 reload jarvis-node-agent)."
            };
            let fix = [again, error.fix()].join(" ");
            Warning::new("sts_failure", format!("{what}: {}", error.reason()), fix.trim_end())
        })
    }

    /// Asks the STS again for all that failed: its operator may have fixed the cause.
    pub(super) fn forgive(&mut self) {
        self.cache.forgive();
    }

    /// Forgets all tokens: they are of another client or another STS.
    pub(super) fn start_over(&mut self) {
        self.cache.start_over();
    }

    fn token(
        &mut self,
        id: ConnectionId,
        person: u32,
        wanted: &Wanted,
        refused: Option<&str>,
        now: Instant,
    ) -> Reply {
        // Before it evicts another's token.
        if self.cache.needs_request(wanted, now)
            && let Err(wait) = self.rates.count(person, now)
        {
            let why = format!(
                "one user made the STS be asked too often: {} times at once and {} times a second is all that there is",
                rate::BURST,
                Duration::from_secs(1).as_millis() / rate::EVERY.as_millis()
            );
            let refusal = Refusal::new(429, "too_many_requests", why).after(Some(wait));
            return Reply::Now(Arc::new(self.refuse(refusal)));
        }
        let asked = match refused {
            Some(fingerprint) => self.cache.ask_again(wanted, fingerprint, id, now),
            None => self.cache.ask(wanted, id, now),
        };
        match asked {
            Asked::Waiting => Reply::Later,
            asked @ (Asked::Held(_) | Asked::Failed { .. } | Asked::Full) => {
                self.counts.answers.add(result_of(&asked));
                Reply::Now(Arc::new(answer(wanted, &asked, now)))
            }
        }
    }
}

/// What is counted when a token is given or fetched.
const GIVEN: &str = "ok";
/// How long an answer with metrics is given again.
const METRICS_LAST: Duration = Duration::from_secs(1);

/// What is counted of an answer.
fn result_of(asked: &Asked) -> &'static str {
    match asked {
        Asked::Held(_) => GIVEN,
        Asked::Failed { error, .. } => error.code(),
        Asked::Waiting | Asked::Full => BUSY,
    }
}

fn answer(wanted: &Wanted, asked: &Asked, now: Instant) -> Answer {
    match asked {
        Asked::Held(token) => Answer::ok(&TokenBody {
            access_token: token,
            token_type: "Bearer",
            expires_in: token.expires().since(now).as_secs(),
            audience: &wanted.audience,
            fingerprint: token.fingerprint(),
            issued_token_type: wanted.subject.as_ref().map(|_| ACCESS_TOKEN),
        }),
        Asked::Failed { error, retry_in } => {
            Refusal::new(status(error), error.code(), format!("{error}")).after(*retry_in).into()
        }
        Asked::Waiting | Asked::Full => {
            Refusal::busy("more different tokens are asked for than can be kept").after(Some(FULL)).into()
        }
    }
}

/// How long to wait before asking again when too many different tokens are asked for.
const FULL: Duration = Duration::from_secs(5);

/// The status for a failure: one of the 400s only if the caller gave the token that the STS refuses. Never 401, which
/// clients would relate to a token of their own.
fn status(error: &TokenError) -> u16 {
    match error {
        _ if error.is_timeout() => 504,
        TokenError::Refused { grant: Grant::Exchange, status: status @ (400 | 403), .. } => *status,
        TokenError::Unusable { flaw: InvalidTokenError::SubjectExpired, .. } => 400,
        TokenError::Refused { .. }
        | TokenError::Unusable { .. }
        | TokenError::Unanswered { .. }
        | TokenError::Failed { .. } => 502,
    }
}

#[derive(Serialize)]
struct TokenBody<'a> {
    #[serde(serialize_with = "expose")]
    access_token: &'a AccessToken,
    token_type: &'a str,
    /// Whole seconds until it expires.
    expires_in: u64,
    audience: &'a str,
    fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'a str>,
}

fn expose<S: Serializer>(token: &AccessToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

#[derive(Serialize)]
struct Version {
    service_name: &'static str,
    service_version: &'static str,
    supported_api_versions: [&'static str; 1],
}

impl Default for Version {
    fn default() -> Self {
        Self {
            service_name: "jarvis-node",
            service_version: env!("CARGO_PKG_VERSION"),
            supported_api_versions: ["v1"],
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
