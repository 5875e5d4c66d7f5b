//! What is answered to whom. No socket, no clock, no file: requests are handed in, and answers come out, or
//! come out later.

use std::sync::Arc;
use std::time::Duration;

use log::{debug, info, warn};
use node_core::outcome::Outcome;
use node_core::time::{Instant, Now};
use serde::{Serialize, Serializer};

use super::answer::{Answer, Refusal};
use super::callers::Caller;
use super::connection::Id;
use super::health::Health;
use super::request::Request;
use super::rules::Rules;
use crate::files::status::View;
use crate::sts::{AccessToken, Asked, Concern, Flaw, Grant, TokenCache, TokenError, Wanted};

#[cfg(test)]
mod trouble;

/// The node, as callers may see it.
pub struct About<'a> {
    /// How it is with the node.
    pub outcome: Outcome,
    /// The same at length: what `status --json` prints.
    pub view: &'a dyn Fn() -> View,
}

/// Answers requests.
pub(super) struct Desk {
    pub(super) rules: Rules,
    pub(super) cache: TokenCache<Id>,
    trouble: Option<Obstacle>,
}

/// What is in the way of everybody's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Obstacle {
    /// Its name for programs.
    code: &'static str,
    /// Whether it goes away only by somebody's hand.
    is_permanent: bool,
}

/// What comes of a request.
pub(super) enum Reply {
    Now(Answer),
    /// A token has to be fetched first.
    Later,
}

impl Desk {
    pub(super) fn new(rules: Rules, seed: u64) -> Self {
        Self { rules, cache: TokenCache::new(seed), trouble: None }
    }

    /// What `request` by `caller`, on the connection `id`, is answered.
    pub(super) fn reply(
        &mut self,
        id: Id,
        caller: Caller,
        request: &Request,
        about: &About<'_>,
        now: Now,
    ) -> Reply {
        Reply::Now(match request {
            Request::Health => {
                Answer::ok(&Health::of(about.outcome, self.trouble.map(|trouble| trouble.code), now.wall))
            }
            Request::Version => Answer::ok(&Version::default()),
            Request::Status => Answer::ok(&(about.view)()),
            Request::Token { audience, scope, refused } => {
                let (audience, scope) =
                    (audience.as_ref().map(|a| a.as_str()), scope.as_ref().map(|s| s.as_str()));
                match self.rules.wanted(caller, audience, scope, None) {
                    Ok(wanted) => {
                        return self.token(id, &wanted, refused.as_ref().map(|r| r.as_str()), now.instant);
                    }
                    Err(refusal) => refusal.into(),
                }
            }
            Request::Exchange { audience, scope, subject } => {
                let (audience, scope) =
                    (audience.as_ref().map(|a| a.as_str()), scope.as_ref().map(|s| s.as_str()));
                match self.rules.wanted(caller, audience, scope, Some(subject)) {
                    Ok(wanted) => return self.token(id, &wanted, None, now.instant),
                    Err(refusal) => refusal.into(),
                }
            }
        })
    }

    /// Takes what came of fetching `wanted`; returns who is to be told what.
    pub(super) fn fetched(
        &mut self,
        wanted: &Wanted,
        result: Result<AccessToken, TokenError>,
        now: Instant,
    ) -> Vec<(Id, Arc<Answer>)> {
        self.note(wanted, result.as_ref().err());
        // All who waited for the same thing are told the same.
        let mut last: Option<(Asked, Arc<Answer>)> = None;
        let told = self.cache.fetched(wanted, result, now).into_iter().map(|(id, asked)| {
            let answer = match &last {
                Some((before, answer)) if *before == asked => Arc::clone(answer),
                Some(_) | None => Arc::new(answer(wanted, &asked, now)),
            };
            last = Some((asked, Arc::clone(&answer)));
            (id, answer)
        });
        told.collect()
    }

    /// Says once what is in the way of all tokens, and once that nothing is any more.
    fn note(&mut self, wanted: &Wanted, error: Option<&TokenError>) {
        let audience = &wanted.audience;
        let before = self.trouble;
        match error {
            None => self.trouble = None,
            Some(error) if error.concern() == Concern::Wanted => {
                debug!("no token for {audience}: {error}");
                // It is there, and takes this node for its client.
                if matches!(error, TokenError::Refused { .. } | TokenError::Unusable { .. }) {
                    self.trouble = None;
                }
            }
            Some(error) => {
                self.trouble = Some(Obstacle { code: error.code(), is_permanent: error.is_permanent() });
                if self.trouble != before {
                    warn!("no tokens can be had: {error}");
                }
            }
        }
        if before.is_some() && self.trouble.is_none() {
            info!("tokens can be had again");
        }
    }

    /// What the STS refused for good may have been mended there.
    pub(super) fn forgive(&mut self) {
        self.cache.forgive();
        self.trouble = self.trouble.filter(|trouble| !trouble.is_permanent);
    }

    /// The tokens so far are of another client or another STS.
    pub(super) fn start_over(&mut self) {
        self.cache.start_over();
        self.trouble = None;
    }

    fn token(&mut self, id: Id, wanted: &Wanted, refused: Option<&str>, now: Instant) -> Reply {
        let asked = match refused {
            Some(fingerprint) => self.cache.ask_again(wanted, fingerprint, id, now),
            None => self.cache.ask(wanted, id, now),
        };
        match asked {
            Asked::Waiting => Reply::Later,
            asked @ (Asked::Held(_) | Asked::Failed { .. } | Asked::Full) => {
                Reply::Now(answer(wanted, &asked, now))
            }
        }
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
            Refusal::new(status(error), error.code(), std::format!("{error}")).after(*retry_in).into()
        }
        Asked::Waiting | Asked::Full => {
            Refusal::busy("more different tokens are asked for than can be kept").after(Some(FULL)).into()
        }
    }
}

/// When it may be worth asking again for one token too many.
const FULL: Duration = Duration::from_secs(5);
/// RFC 8693, 3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The caller's fault only where it gave the token that the STS refuses. Never 401, which clients take for
/// being about a token of theirs.
fn status(error: &TokenError) -> u16 {
    match error {
        _ if error.is_timeout() => 504,
        TokenError::Refused { grant: Grant::Exchange, status: status @ (400 | 403), .. } => *status,
        TokenError::Unusable { flaw: Flaw::SubjectExpired, .. } => 400,
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
    /// Whole seconds that are left of its life.
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
