//! The meaning of an answer for the node (docs/wire/jarvis-auth.md, "What follows from it").

use std::fmt;
use std::time::{Duration, SystemTime};

use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::household::Household;
use node_core::service::Service;
use node_core::text::{Quoted, Text};
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::{
    API_KEY_HEADER, APP_ID_HEADER, APP_KEY_HEADER, HeartbeatResponse, Refusal, ValidateResponse, app_reasons,
    reasons,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::files::json;
use crate::net::http::{Between, HttpResponse, Target, is_compressed, repeats, retry_after, says, target};

const NOT_SHOWN: &str = "not shown: the answer repeats a key";

/// Judges an answer of the auth service (docs/wire/jarvis-auth.md, "What follows from it") by status, media type and
/// body together. Only a 200 with `valid:false` is a rejection. A 401 in the service's own words is about the app key.
/// Every other answer says nothing about the node.
pub(super) fn judge(asked: &Asked<'_>, node_id: &NodeId, app_id: &str) -> Answer {
    let judged = Judged { asked, service: Service::AUTH };
    if judged.between().is_some() {
        return judged.without_verdict();
    }
    match asked.response.status {
        200 => match json::object::<ValidateResponse>(&asked.response.body) {
            Ok(verdict) => judged.without_keys(verdict.into_answer(node_id)),
            Err(_) => judged.without_verdict(),
        },
        401 => match judged.detail() {
            Some(detail) if detail.is(app_reasons::INVALID) => judged.because(
                TroubleKind::AppRejected,
                // The key can stand in the place of the id.
                format_args!(
                    "the auth service refused the app key of {} (401)",
                    Quoted(if repeats(app_id.as_bytes(), asked.keys) { "" } else { app_id })
                ),
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

/// Judges the answer of the command center, by any of its names, to a heartbeat (docs/wire/jarvis-home.md, "Command center:
/// the node's key").
pub(super) fn judge_heartbeat(asked: &Asked<'_>, service: Service) -> Answer {
    let beat = json::object::<HeartbeatResponse>(&asked.response.body);
    Judged { asked, service }.by_command_center(beat.is_ok_and(|beat| beat.is_ok()))
}

/// Judges the answer of the command center to a node that asks for its MQTT credentials.
pub(super) fn judge_mqtt_credentials(asked: &Asked<'_>) -> Answer {
    let given = json::object::<MqttCredentials>(&asked.response.body).is_ok();
    Judged { asked, service: Service::COMMAND_CENTER }.by_command_center(given)
}

/// Judges the answer of the logs, by any of their names, to a batch of lines or of none (docs/wire/jarvis-home.md, "Other calls of a node").
pub(super) fn judge_logs(asked: &Asked<'_>, service: Service) -> Answer {
    let judged = Judged { asked, service };
    match asked.response.status {
        _ if judged.between().is_some() => judged.without_verdict(),
        204 => Answer::Valid(Household::default()),
        401 | 403 => judged.refused("X-Node-Id and X-Node-Key"),
        _ => judged.without_verdict(),
    }
}

/// The answer with MQTT credentials, null or not. They are not read.
#[derive(Deserialize)]
struct MqttCredentials {
    #[serde(rename = "username")]
    _username: IgnoredAny,
    #[serde(rename = "password")]
    _password: IgnoredAny,
}

/// Judges an answer to a probe. It only shows whether the service can be asked: with a 5xx it is still away, and whatever
/// else is wrong a call will tell.
pub(super) fn judge_probe(asked: &Asked<'_>, service: Service) -> Answer {
    let answer = Judged { asked, service }.without_verdict();
    let is_away = matches!(&answer, Answer::Inconclusive { trouble, .. } if trouble.kind.is_away());
    if is_away { answer } else { Answer::Reachable }
}

/// An answer, with what is needed to judge it.
pub(super) struct Asked<'a> {
    pub(super) response: &'a HttpResponse,
    /// The keys that the request held. They must not be shown, even if the server repeats them.
    pub(super) keys: &'a [&'a [u8]],
    pub(super) now: SystemTime,
}

/// An answer, and the service that was asked for it.
struct Judged<'a> {
    asked: &'a Asked<'a>,
    service: Service,
}

/// Statuses by which proxies, Cloudflare's tunnel among them, say that the service does not answer them.
const UNSERVED: [u16; 9] = [502, 504, 520, 521, 522, 523, 524, 527, 530];
/// What Envoy, HAProxy and Traefik say with 503.
const NO_SERVER: [&[u8]; 4] =
    [b"no healthy upstream", b"upstream connect error", b"no server is", b"no available server"];
/// Statuses by which Cloudflare says that TLS between it and the service failed.
const UNTRUSTED: [u16; 2] = [525, 526];

impl Judged<'_> {
    /// The meaning of an answer to the node's own key, of which a 200 is the documented one only if it `is_given`.
    fn by_command_center(&self, is_given: bool) -> Answer {
        match self.asked.response.status {
            _ if self.between().is_some() => self.without_verdict(),
            200 if is_given => Answer::Valid(Household::default()),
            400 if says(self.asked.response, b"x-api-key: Field required") => self.unread(API_KEY_HEADER),
            401 => self.refused(API_KEY_HEADER),
            _ => self.without_verdict(),
        }
    }

    /// Explains an answer that is no verdict, from any service.
    fn without_verdict(&self) -> Answer {
        let Self { asked: Asked { response, .. }, service } = self;
        let Service { name, address, .. } = service;
        let status = response.status;
        if UNTRUSTED.contains(&status) {
            return self.with_fix(
                TroubleKind::Unserved,
                format_args!("the proxy or tunnel before {name} cannot speak TLS with it ({status})"),
                format_args!(
                    "Give {name} a certificate that the proxy or tunnel before it accepts, or let that ask it in plain \
                     HTTP on one machine."
                ),
            );
        }
        if (500..=599).contains(&status) && status != 511 {
            return if UNSERVED.contains(&status)
                || (status == 503 && NO_SERVER.iter().any(|words| says(response, words)))
            {
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
        // What helps is the same, whoever says it.
        if [408, 429].contains(&status) {
            return self.because(
                TroubleKind::Throttled,
                format_args!("{name}, or a proxy before it, has no time for this node ({status})"),
            );
        }
        if [413, 431].contains(&status) || (status == 400 && says(response, b"too large")) {
            return self.with_fix(
                TroubleKind::RequestRefused,
                format_args!("the request is too large for {name} or a proxy before it ({status})"),
                format_args!(
                    "Raise the limit of the proxy before {name}: a request of the node has less than 8 KB."
                ),
            );
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
                Between::OtherHost => self.with_fix(
                    TroubleKind::InBetween,
                    reason,
                    format_args!(
                        "Use a name in {address} that the server there takes, or add this one to the names that it, or \
                         the proxy before it, serves (allowed hosts)."
                    ),
                ),
                Between::NetworkLogIn | Between::Page | Between::OtherForm => {
                    self.because(TroubleKind::InBetween, reason)
                }
            };
        }
        match status {
            200 | 401 | 403 if is_compressed(response) => self.with_fix(
                TroubleKind::NotUnderstood,
                format_args!("the answer is compressed ({status}), which was not asked for"),
                format_args!("Let the proxy before {name} leave its answers as they are: no gzip, br or zstd."),
            ),
            200 => self.because(
                TroubleKind::NotUnderstood,
                format_args!("the answer is not the JSON of a Jarvis service"),
            ),
            301..=303 | 307 | 308 => self.redirected(),
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
        let Self { asked: Asked { response, .. }, service } = self;
        let Service { name, address, .. } = service;
        let status = response.status;
        match target(response, self.asked.keys) {
            Target::Elsewhere(target) => self.with_fix(
                TroubleKind::Redirected,
                format_args!("what answers points to {target} ({status}), and keys are not sent after it"),
                format_args!(
                    "If {name} is at {target}, put that into {address}. If that is a log-in page, of the network or of \
                     a proxy, let the node past it."
                ),
            ),
            Target::Untold => self.with_fix(
                TroubleKind::Redirected,
                format_args!("what answers redirects, but to no address that can be shown ({status})"),
                format_args!(
                    "Look at what is between the board and {name}: a proxy, or the network's log-in page. If nothing is, check \
                     host, port and path in {address}."
                ),
            ),
            Target::OtherPath => self.because(
                TroubleKind::Redirected,
                format_args!("what answers points to another path ({status}), and keys are not sent after it"),
            ),
        }
    }

    /// The answer without a text of the server that repeats a key. What the documentation has is no such text.
    fn without_keys(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Rejected(reason) if !reasons::is_fixed(&reason) && self.repeats_a_key() => {
                let known = if reason.begins_with(reasons::NOT_GRANTED) { reasons::NOT_GRANTED } else { "" };
                Answer::Rejected(Text::format(format_args!("{known}({NOT_SHOWN})")))
            }
            // Of a good answer only this is shown.
            Answer::Valid(Household { id: Some(id), member_ids }) if self.is_of_a_key(id.as_str()) => {
                Answer::Valid(Household { id: None, member_ids })
            }
            as_it_is @ (Answer::Rejected(_)
            | Answer::Valid(_)
            | Answer::Reachable
            | Answer::Inconclusive { .. }) => as_it_is,
        }
    }

    fn is_of_a_key(&self, text: &str) -> bool {
        repeats(text.as_bytes(), self.asked.keys)
    }

    fn repeats_a_key(&self) -> bool {
        repeats(&self.asked.response.body, self.asked.keys)
    }

    /// The reason that Jarvis services give for a refusal.
    fn detail(&self) -> Option<Text<200>> {
        json::object::<Refusal>(&self.asked.response.body).ok().map(|refusal| refusal.detail)
    }

    fn between(&self) -> Option<Between> {
        Between::of(self.asked.response)
    }

    fn because(&self, kind: TroubleKind, reason: fmt::Arguments<'_>) -> Answer {
        self.inconclusive(self.service.trouble(kind, reason))
    }

    fn with_fix(&self, kind: TroubleKind, reason: fmt::Arguments<'_>, fix: fmt::Arguments<'_>) -> Answer {
        self.inconclusive(Trouble::with_fix(kind, reason, fix))
    }

    fn inconclusive(&self, trouble: Trouble) -> Answer {
        Answer::Inconclusive { trouble, retry_after: self.retry_after() }
    }

    fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.asked.response.headers, self.asked.now)
    }
}

mod refusal;
#[cfg(test)]
mod tests;
