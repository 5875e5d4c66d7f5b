//! A provisioning token by a person's log-in: what the home's app on a phone does (docs/wire/jarvis-home.md,
//! "Enrolment"). E-mail and password are typed at the terminal, used once and wiped.

use node_core::credential::NodeId;
use node_core::outcome::Outcome;
use node_core::service::Service;
use node_core::text::Text;
use node_core::wire::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use ureq::http::HeaderValue;
use ureq::http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::place::{Place, choose};
use super::{EnrollError, read_token};
use crate::commands::home::Means;
use crate::commands::secret_input;
use crate::files::{credential_file, json};
use crate::net::http::{HttpClient, HttpError, HttpResponse, JSON, Post, repeats};

/// The node's id and a token for it, from the person at the terminal: the token itself, or what a log-in is worth.
///
/// # Errors
/// See [`EnrollError`].
pub(super) fn token(
    place: &Place,
    means: &Means,
    node_id: Option<NodeId>,
    room: Option<&str>,
) -> Result<(NodeId, Zeroizing<Vec<u8>>), EnrollError> {
    let instead = if place.auth.is_some() { ", or Enter alone to log in" } else { "" };
    let typed = secret_input::typed(&format!("paste the provisioning token, then Enter{instead}"));
    let line =
        secret_input::read_line(typed).map_err(|why| EnrollError::Input(format!("standard input {why}")))?;
    if line.trim_ascii().is_empty() {
        return mint(place, means, node_id, room);
    }
    let token = read_token(line.as_slice())?;
    let node_id = node_id.map_or_else(
        || {
            let id = secret_input::ask("the node's id, for which the token is:").unwrap_or_default();
            NodeId::parse(&id).map_err(|why| EnrollError::Input(format!("the node's id {why}")))
        },
        Ok,
    )?;
    Ok((node_id, token))
}

fn failed(outcome: Outcome, why: String) -> EnrollError {
    EnrollError::LogIn(outcome, why)
}

/// Lets a person log in, and gets a token with that.
fn mint(
    place: &Place,
    means: &Means,
    node_id: Option<NodeId>,
    room: Option<&str>,
) -> Result<(NodeId, Zeroizing<Vec<u8>>), EnrollError> {
    #[derive(Deserialize)]
    struct Household {
        id: Text<64>,
        name: Text<64>,
    }
    #[derive(Deserialize)]
    struct Minted<'a> {
        token: &'a str,
        node_id: &'a str,
    }
    let Some(auth) = &place.auth else {
        return Err(EnrollError::Input(
            "to log in, give the address of the home's config service by --url: it says where the auth service is".into(),
        ));
    };
    let client = means.client(Service::LOG_IN, auth).map_err(EnrollError::Setup)?;
    let bearer = log_in(&client, auth.as_str())?;
    let headers = [(AUTHORIZATION.as_str(), bearer)];
    let unusable = || failed(Outcome::Server, "the home's answer is not understood".into());
    let listed = client.get(&format!("{}/households", auth.as_str()), &headers);
    let listed = accepted(listed, "the list of your households", &[])?;
    let mut households: Vec<Household> = serde_json::from_slice(&listed.body).map_err(|_| unusable())?;
    let household = match households.len() {
        0 => {
            return Err(failed(
                Outcome::NodeRejected,
                "you are in no household, which is needed to add a node".into(),
            ));
        }
        1 => households.swap_remove(0),
        _ => {
            let names: Vec<_> = households.iter().map(|one| format!("{} ({})", one.name, one.id)).collect();
            let at = choose("household", &names, "a token instead")?;
            households.swap_remove(at)
        }
    };
    secret_input::tell(&format!("household: {}", household.name));
    let system = rustix::system::uname();
    let name = node_id.as_ref().map_or_else(|| system.nodename().to_string_lossy(), |id| id.as_str().into());
    let mut body = json!({ "household_id": household.id.as_str(), "name": name });
    if let Some(room) = room {
        body["room"] = room.into();
    }
    if let Some(node_id) = &node_id {
        body["node_id"] = node_id.as_str().into();
    }
    let center = means.client(Service::ENROLMENT, &place.command_center).map_err(EnrollError::Setup)?;
    let url = format!("{}/api/v0/provisioning/token", place.command_center.as_str());
    let body = body.to_string();
    let post = Post { url: &url, headers: &headers, content_type: JSON, body: body.as_bytes() };
    let minted = accepted(center.post(&post), "a provisioning token", &[])?;
    let minted: Minted<'_> = json::object(&minted.body).map_err(|_| unusable())?;
    let given =
        NodeId::parse(minted.node_id).ok().filter(|given| node_id.as_ref().is_none_or(|id| id == given));
    let node_id = given.filter(|_| credential_file::is_token(minted.token)).ok_or_else(unusable)?;
    Ok((node_id, Zeroizing::new(minted.token.as_bytes().to_vec())))
}

/// Asks for e-mail and password, and turns them into the header that proves the person.
fn log_in(client: &HttpClient, auth: &str) -> Result<HeaderValue, EnrollError> {
    #[derive(Serialize)]
    struct LogIn<'a> {
        email: &'a str,
        password: &'a str,
    }
    #[derive(Deserialize)]
    struct LoggedIn<'a> {
        access_token: &'a str,
    }
    let unreadable = |why| EnrollError::Input(format!("standard input {why}"));
    let email = secret_input::ask("e-mail:").map_err(unreadable)?;
    let password = secret_input::read_line(secret_input::typed("password")).map_err(unreadable)?;
    let password = std::str::from_utf8(&password).map_err(|_| {
        EnrollError::Input("the password is not typed in UTF-8, as the terminal should".into())
    })?;
    // A buffer that grows leaves unwiped copies behind, so it gets its full size at once.
    let mut body = Zeroizing::new(Vec::with_capacity(6 * (email.len() + password.len()) + 64));
    json::write(&mut *body, &LogIn { email: &email, password })
        .map_err(|_| EnrollError::Input("what was typed cannot be written as JSON".into()))?;
    let url = format!("{auth}/auth/login");
    let post = Post { url: &url, headers: &[], content_type: JSON, body: &body };
    let secrets = [password.as_bytes()];
    let answer = accepted(client.post(&post), "the log-in", &secrets)?;
    let token = json::object::<LoggedIn<'_>>(&answer.body).ok().map(|answer| answer.access_token);
    let bearer = token.map(|token| Zeroizing::new(format!("Bearer {token}")));
    let mut bearer = bearer.and_then(|bearer| HeaderValue::from_str(&bearer).ok()).ok_or_else(|| {
        failed(Outcome::Server, "the auth service's answer to the log-in holds no token".into())
    })?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// The answer with which a service gives `what`.
///
/// # Errors
/// It does not, or did not answer: with the reason, unless that repeats one of `secrets`.
fn accepted(
    answer: Result<HttpResponse, HttpError>,
    what: &str,
    secrets: &[&[u8]],
) -> Result<HttpResponse, EnrollError> {
    let answer = answer.map_err(|HttpError { trouble, .. }| {
        failed(
            trouble.kind.outcome(),
            format!("{}. {}", trouble.reason, trouble.fix.as_str().trim_end_matches('.')),
        )
    })?;
    let status = answer.status;
    if matches!(status, 200 | 201) {
        return Ok(answer);
    }
    let reason = json::object::<Refusal>(&answer.body).ok().filter(|_| !repeats(&answer.body, secrets));
    let reason = reason.map_or_else(String::new, |refusal| format!(": '{}'", refusal.detail));
    let (outcome, hint) = match status {
        429 => (Outcome::Server, "; wait a quarter of an hour: too many log-ins were tried"),
        // The Python command center says so of an outage, too.
        401 if reason.contains("Invalid or expired JWT") => {
            (Outcome::Server, "; check that the auth service runs, and try again")
        }
        400..=499 => (Outcome::NodeRejected, ""),
        _ => (Outcome::Server, "; look at the log of the home's services"),
    };
    Err(failed(outcome, format!("the home refuses {what} ({status}){reason}{hint}")))
}
