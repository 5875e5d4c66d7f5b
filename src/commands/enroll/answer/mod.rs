//! The meaning of the command center's answer to a registration (docs/wire/jarvis-home.md, "Enrolment").

use std::path::Path;

use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::wire::Refusal;
use serde::Deserialize;

use super::EnrollError;
use crate::commands::install;
use crate::files::credential::Credential;
use crate::files::{credential_file, json};
use crate::net::http::{Between, HttpResponse, Posted, Target, is_compressed, repeats, target};

/// The credential in the answer.
///
/// # Errors
/// Why there is none, by status, media type and reason together, and what became of the token.
pub(crate) fn read(posted: &Posted, node_id: &NodeId, token: &[u8]) -> Result<Credential, EnrollError> {
    let Posted { response, repeated } = posted;
    let lost = |why: &str| EnrollError::AnswerLost(node_id.clone().into(), why.into());
    if let Some(refused) = unseen(response, token) {
        return Err(EnrollError::Unavailable(Outcome::Server, refused));
    }
    match response.status {
        200 | 201 if is_compressed(response) => {
            Err(lost("the command center's answer is compressed, which was not asked for"))
        }
        200 | 201 => {
            let contents =
                credential_file::parse(&response.body, Path::new("the command center's answer"), None)
                    .map_err(|why| lost(&format!("the command center's answer {}", install::fault(&why))))?;
            if contents.credential.node_id != *node_id {
                return Err(lost("the command center's answer is about another node"));
            }
            Ok(contents.credential)
        }
        status => {
            Err(match refusal(status, reason(response, token).as_ref(), node_id) {
                // A used token, or a name that is taken, may come from the first try.
                Some(EnrollError::Refused(why)) if *repeated => EnrollError::Refused(format!(
                    "{why} (the try before it failed with 500, and may have registered '{node_id}')"
                )),
                Some(refused) => refused,
                None if status < 300 => {
                    lost(&format!("the command center's answer ({status}) holds no node_id and node_key"))
                }
                None if status == 500 => lost("the command center failed (500)"),
                None => lost(&format!(
                    "the command center answered {status}, or a proxy before it that got no answer from it"
                )),
            })
        }
    }
}

/// Why the command center has not seen the request, if that is certain.
fn unseen(response: &HttpResponse, token: &[u8]) -> Option<String> {
    let status = response.status;
    match (status, Between::of(response)) {
        // By these Cloudflare says that it got no connection to the service.
        (521 | 523 | 525 | 526 | 530, _) => Some(format!(
            "a proxy or a tunnel before the command center gets no connection to it ({status}); check that it runs, and \
             the address and the certificate that the tunnel has of it"
        )),
        (429 | 500..=510 | 512..=599, _) => None,
        (401 | 403, None) if json::object::<Refusal>(&response.body).is_err() => Some(format!(
            "what answered refuses in a form that the command center never uses ({status}); check --url, and what is \
             between this board and the command center (a proxy, a firewall, the network's log-in page)"
        )),
        (_, Some(between)) => Some(format!(
            "what answered in the place of the command center {} ({status}); check --url, and what is between this \
             board and the command center (a proxy, a firewall, the network's log-in page)",
            between.words()
        )),
        (301..=303 | 307 | 308, None) => Some(match target(response, &[token]) {
            Target::Elsewhere(target) => format!(
                "what answers points to {target} ({status}), and a token is not sent after it; if the command center \
                 is there, give that as --url"
            ),
            Target::Untold => format!(
                "what answers redirects, but to no address that can be shown ({status}); check --url, and what is between \
                 this board and the command center (a proxy, the network's log-in page)"
            ),
            Target::OtherPath => {
                format!("what answers points to another path ({status}); check the path in --url")
            }
        }),
        (404 | 405, None) if !is_refusal(response) => {
            Some(format!("what answers has no such path ({status}); {CHECK_URL}"))
        }
        (_, None) => None,
    }
}

const CHECK_URL: &str = "check that --url is the command center (port 7703 by default), and not the auth service or a proxy without a route \
     for it";

/// Whether a 404 speaks of what was asked for, not of the path.
fn is_refusal(response: &HttpResponse) -> bool {
    json::object::<Refusal>(&response.body).is_ok_and(|refusal| says(Some(&refusal.detail), NO_HOUSEHOLD))
}

/// The reason that the services give for a refusal, unless it repeats the token: text, or, for a request whose fields
/// break a rule, a list of which the first is shown.
fn reason(response: &HttpResponse, token: &[u8]) -> Option<Text<200>> {
    #[derive(Deserialize)]
    struct Faults {
        details: Vec<Text<200>>,
    }
    if repeats(&response.body, &[token]) {
        return None;
    }
    match json::object::<Refusal>(&response.body) {
        Ok(Refusal { detail }) => Some(detail),
        Err(_) => json::object::<Faults>(&response.body).ok()?.details.into_iter().next(),
    }
}

const NO_HOUSEHOLD: &str = "Household not found";

/// Whether the reason holds `words`: the Python command center puts the auth service's answer behind words of its own.
fn says(detail: Option<&Text<200>>, words: &str) -> bool {
    detail.is_some_and(|detail| detail.as_str().contains(words))
}

/// The meaning of a refusal in the command center's own words; `None` if it may have registered the node.
fn refusal(status: u16, detail: Option<&Text<200>>, node_id: &NodeId) -> Option<EnrollError> {
    let refused = |why: String| Some(EnrollError::Refused(why));
    let unavailable = |why: &str| Some(EnrollError::Unavailable(Outcome::Server, why.into()));
    let is = |words| says(detail, words);
    match status {
        _ if is("Auth service unavailable") => unavailable(
            "the command center cannot reach the auth service; check that it runs, and enroll again",
        ),
        400 | 409 if is("node_id already exists") => refused(format!(
            "the auth service has a node '{node_id}' already, perhaps one that was removed, and an id is never free \
             again; choose another --node-id, or have its key rotated and install that"
        )),
        400 | 409 if is("Node already registered") => refused(format!(
            "it has a node '{node_id}' already; choose another --node-id, or have its key rotated and install that (to \
             remove it does not free the id)"
        )),
        404 if is(NO_HOUSEHOLD) => {
            refused("the household that the token is for is gone; get a token in a household that is there".into())
        }
        401 if is("Invalid or expired provisioning token") => refused(
            "the provisioning token is invalid, used up or too old (ten minutes, with jarvisd thirty); get a new one"
                .into(),
        ),
        401 | 403 if is("Auth service error") => unavailable(
            "the auth service refuses the command center itself; check the app id and app key of the command center",
        ),
        _ if is("Auth service error") && status < 500 => refused(format!(
            "the auth service does not take the registration ({status}); look at the log of both"
        )),
        429 => unavailable("the command center, or a proxy before it, is asked too often (429); wait, and enroll again"),
        400 | 422 if is("error parsing the body") || detail.is_none() => refused(format!(
            "it does not understand the request ({status}); check that it and this program are of matching versions"
        )),
        400..=499 => refused(match detail {
            // In its own words, which may be about the token, the node's id, the room or the household.
            Some(detail) => format!(
                "its reason is '{detail}' ({status}); mend that, or look at its log, and get a new token if it is about the \
                 token"
            ),
            None => format!("it answers {status}; look at its log, and that of a proxy before it"),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
