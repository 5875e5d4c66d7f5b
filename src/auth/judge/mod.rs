//! The meaning of an answer for the node (docs/wire/jarvis-auth.md, "What follows from it").

use std::fmt;
use std::time::SystemTime;

use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::service::Service;
use node_core::text::Text;
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::{
    APP_ID_HEADER, APP_KEY_HEADER, HeartbeatResponse, Refusal, ValidateResponse, app_reasons,
};

use crate::files::json;
use crate::net::http::{Between, HttpResponse, elsewhere, retry_after};

const NOT_SHOWN: &str = "not shown: the answer repeats a key";

/// Removes the text that the server put into the answer.
pub(super) fn withheld(answer: Answer) -> Answer {
    match answer {
        Answer::Rejected(_) => Answer::Rejected(Text::format(format_args!("({NOT_SHOWN})"))),
        Answer::Valid(household) => Answer::Valid(Household { id: None, ..household }),
        told_nothing @ (Answer::Reachable | Answer::Inconclusive { .. }) => told_nothing,
    }
}

/// Judges an answer of the auth service (docs/wire/jarvis-auth.md, "What follows from it") by status, media type and
/// body together. Only a 200 with `valid:false` is a rejection. A 401 in the service's own words is about the app key.
/// Every other answer says nothing about the node.
pub(super) fn judge(response: &HttpResponse, node_id: &NodeId, app_id: &str, now: SystemTime) -> Answer {
    let judged = Judged { response, service: Service::AUTH, now };
    if judged.between().is_some() {
        return judged.without_verdict();
    }
    match response.status {
        200 => match json::object::<ValidateResponse>(&response.body) {
            Ok(verdict) => verdict.into_answer(node_id),
            Err(_) => judged.without_verdict(),
        },
        401 => match judged.detail() {
            Some(detail) if detail.is(app_reasons::INVALID) => judged.because(
                TroubleKind::AppRejected,
                format_args!("the auth service refused the app key of '{app_id}' (401)"),
            ),
            Some(detail) if detail.is(app_reasons::MISSING) => judged.with_fix(
                TroubleKind::InBetween,
                format_args!("the auth service saw no app id and key (401), though both were sent"),
                format_args!(
                    "Let whatever is between the board and the auth service pass the headers {APP_ID_HEADER} and \
                     {APP_KEY_HEADER} on."
                ),
            ),
            Some(_) | None => judged.without_verdict(),
        },
        _ => judged.without_verdict(),
    }
}

/// Judges an answer of the command center (docs/wire/jarvis-auth.md, "How nodes are used around it"). Its 401
/// carries either the auth service's reason for a rejection, or the news that the auth service could not be
/// asked.
pub(super) fn judge_heartbeat(response: &HttpResponse, repeats_a_key: bool, now: SystemTime) -> Answer {
    let judged = Judged { response, service: Service::COMMAND_CENTER, now };
    if judged.between().is_some() {
        return judged.without_verdict();
    }
    match response.status {
        200 => match json::object::<HeartbeatResponse>(&response.body) {
            Ok(beat) if beat.is_ok() => Answer::Valid(Household::default()),
            Ok(_) | Err(_) => judged.without_verdict(),
        },
        401 => match json::object::<Refusal>(&response.body) {
            Ok(refusal) if refusal.is_rejection() => Answer::Rejected(refusal.detail),
            Ok(refusal) if refusal.is_outage() => judged.with_fix(
                TroubleKind::Busy,
                format_args!(
                    "the command center cannot ask the auth service ({})",
                    if repeats_a_key { NOT_SHOWN } else { refusal.detail.as_str() }
                ),
                format_args!(
                    "Check that the auth service runs, and that the command center has its address and an app key it \
                     takes. The node asks again by itself."
                ),
            ),
            Ok(_) | Err(_) => judged.because(
                TroubleKind::NotUnderstood,
                format_args!("the command center answered 401, but with none of the auth service's reasons"),
            ),
        },
        _ => judged.without_verdict(),
    }
}

/// An answer, and the service that was asked for it.
struct Judged<'a> {
    response: &'a HttpResponse,
    service: Service,
    now: SystemTime,
}

/// Statuses by which proxies, Cloudflare's tunnel among them, say that the service does not answer them.
const UNSERVED: [u16; 8] = [502, 504, 520, 521, 522, 523, 524, 530];

impl Judged<'_> {
    /// Explains an answer that is no verdict, from either service.
    fn without_verdict(&self) -> Answer {
        let Self { response, service, .. } = self;
        let Service { name, address, .. } = service;
        let status = response.status;
        if (500..=599).contains(&status) && status != 511 {
            return if UNSERVED.contains(&status) {
                self.because(
                    TroubleKind::Unserved,
                    format_args!("a proxy or a tunnel before {name} gets no answer from it ({status})"),
                )
            } else {
                self.because(
                    TroubleKind::Busy,
                    format_args!("{name}, or a proxy before it, failed ({status})"),
                )
            };
        }
        if let Some(between) = self.between() {
            let reason = format_args!("what answered in the place of {name} {} ({status})", between.words());
            return match between {
                Between::LogIn | Between::ProxyLogIn => self.with_fix(
                    TroubleKind::InBetween,
                    reason,
                    format_args!(
                        "Let the proxy before {name} pass the node's requests on without a log-in of its own, or put \
                         an address that does not lead through it into {address}."
                    ),
                ),
                Between::NetworkLogIn | Between::Page => self.because(TroubleKind::InBetween, reason),
            };
        }
        match status {
            200 => self.because(
                TroubleKind::NotUnderstood,
                format_args!("the answer is not the JSON of a Jarvis service"),
            ),
            408 | 429 => self.because(
                TroubleKind::Busy,
                format_args!("{name}, or a proxy before it, has no time for this node ({status})"),
            ),
            301..=303 | 307 | 308 => self.redirected(),
            413 | 431 => self.with_fix(
                TroubleKind::RequestRefused,
                format_args!("the request is too large for {name} or a proxy before it ({status})"),
                format_args!("Raise the limit of the proxy before {name}: a request of the node has less than 8 KB."),
            ),
            400 | 422 => self.because(
                TroubleKind::RequestRefused,
                format_args!("{name} did not understand the request ({status})"),
            ),
            // jarvisd says so on its other ports, in plain text; the Python services do in JSON.
            404 | 405 => self.with_fix(
                TroubleKind::NotTheService,
                format_args!("what answers has no such path ({status})"),
                format_args!(
                    "Check host, port and path in {address}: another Jarvis service answers so, or a proxy that has no \
                     route for this host. By default {name} has port {}.",
                    service.port.unwrap_or_default()
                ),
            ),
            401 | 403 if self.detail().is_none() => self.because(
                TroubleKind::InBetween,
                format_args!("what answered refuses in a form that {name} never uses ({status})"),
            ),
            _ => self.because(
                TroubleKind::NotTheService,
                format_args!("{name} never gives such an answer here (status {status})"),
            ),
        }
    }

    fn redirected(&self) -> Answer {
        let Self { response, service, .. } = self;
        let Service { name, address, .. } = service;
        let status = response.status;
        match elsewhere(response) {
            Some(target) => self.with_fix(
                TroubleKind::Redirected,
                format_args!("what answers points to {target} ({status}), and keys are not sent after it"),
                format_args!(
                    "If {name} is at {target}, put that into {address}. If that is a log-in page, of the network or of \
                     a proxy, let the node past it."
                ),
            ),
            None => self.because(
                TroubleKind::Redirected,
                format_args!("{name} points to another path ({status}), and keys are not sent after it"),
            ),
        }
    }

    /// The reason that Jarvis services give for a refusal.
    fn detail(&self) -> Option<Text<200>> {
        json::object::<Refusal>(&self.response.body).ok().map(|refusal| refusal.detail)
    }

    fn between(&self) -> Option<Between> {
        Between::of(self.response)
    }

    fn because(&self, kind: TroubleKind, reason: fmt::Arguments<'_>) -> Answer {
        self.inconclusive(self.service.trouble(kind, reason))
    }

    fn with_fix(&self, kind: TroubleKind, reason: fmt::Arguments<'_>, fix: fmt::Arguments<'_>) -> Answer {
        self.inconclusive(Trouble::with_fix(kind, reason, fix))
    }

    fn inconclusive(&self, trouble: Trouble) -> Answer {
        Answer::Inconclusive { trouble, retry_after: retry_after(&self.response.headers, self.now) }
    }
}

#[cfg(test)]
mod tests;
