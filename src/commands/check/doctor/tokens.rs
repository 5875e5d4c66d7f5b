//! Checks of the tokens for other programs: the STS, and the socket where the daemon gives them out.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use node_core::outcome::Outcome;
use node_core::trouble::Trouble;

use super::context::Context;
use super::finding::Finding;
use super::network::{of_cost, of_days_left};
use super::setup::reload;
use crate::broker::client;
use crate::config::{Broker, Config, Sts, Tokens};
use crate::net::http::HttpClient;
use crate::net::tls::{Tls, TlsSettings};
use crate::system::accounts::name_or_number;

const NOT_CONFIGURED: &str = "no tokens are configured";

fn configured(config: Option<&Config>) -> Option<(&Sts, &Broker)> {
    match config.map(Config::tokens) {
        Some(Tokens::Through { sts, broker }) => Some((sts, broker)),
        Some(Tokens::Malformed | Tokens::NotGivenOut) | None => None,
    }
}

/// Whether the socket is there.
pub(super) fn socket(context: &mut Context) -> Finding {
    let Some((_, broker)) = configured(context.config.as_ref()) else { return Finding::pass(NOT_CONFIGURED) };
    let path = broker.socket.display();
    let found = broker.socket.metadata().ok().filter(|found| found.file_type().is_socket());
    match (found, context.warned(&["broker_socket", "broker_folder"])) {
        (Some(_), Some(warned)) => warned,
        (None, Some(warned)) => warned.into_failure(),
        (None, None) => Finding::fail(format!("there is no socket at {path}"), reload()),
        (Some(about), None) => Finding::pass(format!(
            "{path}, of user {}, with mode {:o}",
            name_or_number(about.uid()),
            about.mode() & 0o777
        )),
    }
}

/// Who may ask for tokens.
pub(super) fn callers(context: &mut Context) -> Finding {
    let Some((sts, _)) = configured(context.config.as_ref()) else { return Finding::pass(NOT_CONFIGURED) };
    if let Some(warned) = context.warned(&["broker_rule"]) {
        return warned.into_failure();
    }
    if let Some(warned) = context.warned(&["broker_callers", "broker_limit", "unchecked_tokens"]) {
        return warned;
    }
    let rules = sts.audiences.iter().map(|(audience, rule)| {
        format!("'{audience}': {} users and {} groups", rule.users.len(), rule.groups.len())
    });
    let rules: Vec<_> = rules.collect();
    Finding::pass(format!("besides root may ask for {}", rules.join("; ")))
}

/// Whether the files can be read that the STS wants.
pub(super) fn files(context: &mut Context) -> Finding {
    if configured(context.config.as_ref()).is_none() {
        return Finding::pass(NOT_CONFIGURED);
    }
    let found = context.warned(&["sts"]);
    found.map_or_else(|| Finding::pass("the secret or key for the STS can be used"), Finding::into_failure)
}

/// Whether the STS can be reached, and proves itself.
pub(super) fn sts(context: &mut Context) -> Finding {
    let Some(config) = &context.config else { return Finding::skipped("configuration") };
    let Some((sts, _)) = configured(Some(config)) else { return Finding::pass(NOT_CONFIGURED) };
    look(sts, config).unwrap_or_else(|trouble| Finding::failed(&trouble))
}

fn look(sts: &Sts, config: &Config) -> Result<Finding, Trouble> {
    let (client, _) = sts.client(config).map_err(|error| error.to_trouble())?;
    let settings =
        TlsSettings { ca_file: sts.ca_file.clone(), spki_pins: Vec::new(), client_certificate: None };
    let tls = Tls::new(&settings).map_err(|error| error.to_trouble())?;
    let url = &client.token_endpoint;
    let http =
        HttpClient::new(sts.service(&client), url, config.connect_timeout, config.request_timeout, tls);
    http.note_chain();
    match http.look() {
        // What is wrong with its answers shows in those to a program.
        Err(error) if !error.sent || error.trouble.kind.outcome() == Outcome::Tls => Err(error.trouble),
        Err(_) | Ok(_) => {
            let chain = http.chain();
            let days = of_days_left(chain.as_ref(), "the STS");
            Ok(match &chain {
                Some(chain) => days.and(of_cost(chain)),
                None => days,
            })
        }
    }
}

/// Whether the running daemon has a token for each audience, as a program gets it.
pub(super) fn audiences(context: &mut Context) -> Finding {
    let Some((sts, broker)) = configured(context.config.as_ref()) else {
        return Finding::pass(NOT_CONFIGURED);
    };
    for audience in sts.audiences.keys() {
        if let Err(why) = client::token(&broker.socket, audience, None, None) {
            let again = format!("Then try again: sudo jarvis-node token --audience '{audience}'");
            return Finding::fail(format!("there is no token for '{audience}': {why}"), again);
        }
    }
    let all: Vec<_> = sts.audiences.keys().map(|audience| format!("'{audience}'")).collect();
    Finding::pass(format!("there are tokens for {}", all.join(", ")))
}
