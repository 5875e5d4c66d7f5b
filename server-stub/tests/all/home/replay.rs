//! Answers of both homes as read in their sources (`fixtures/jarvis-home.json`), and how an answer of the
//! stub is compared with one: status, headers with the case of their names, and the bytes of the body. Only
//! values that are random or of the moment are compared by kind.

use serde::Deserialize;
use std::collections::HashMap;

use crate::client::{Answer, Ask};
use server_stub::Home;

/// Stands for a node's key.
pub(super) const NODE_KEY: &str = "Zq3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx";
/// Stands for a user's access token.
pub(super) const ACCESS_TOKEN: &str = "HEADER.PAYLOAD.SIGNATURE";
/// Stands for a provisioning token.
pub(super) const PROVISIONING_TOKEN: &str = "prov_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

/// A request, and what a home's service answers.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) service: String,
    pub(super) profile: String,
    pub(super) case: String,
    pub(super) request: Request,
    pub(super) response: Response,
    /// `read`, `measured` or `inferred`.
    pub(super) confidence: String,
}

#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

#[derive(Deserialize)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Record>,
}

/// The records of a service, of both homes.
pub(super) fn records(service: &str) -> Vec<Record> {
    let all = include_str!("../../fixtures/jarvis-home.json");
    let all: Records = serde_json::from_str(all).expect("records");
    assert_eq!(all.records.len(), 170, "the file is whole");
    // Nothing was recorded from a running jarvisd or command center, and nothing may say so.
    assert!(
        all.records
            .iter()
            .all(|record| matches!(record.confidence.as_str(), "read" | "measured" | "inferred"))
    );
    all.records.into_iter().filter(|record| record.service == service).collect()
}

impl Record {
    pub(super) fn home(&self) -> Home {
        match self.profile.as_str() {
            "legacy" => Home::Python,
            "jarvisd" => Home::Jarvisd,
            other => panic!("{}: no home is called {other}", self.case),
        }
    }

    /// The request, with these texts in place of others everywhere.
    pub(super) fn ask(&self, put: &[(&str, &str)]) -> Ask {
        let filled = |text: &str| filled(text, put);
        let Request { method, path, headers, body } = &self.request;
        let mut ask = Ask::new(method, &filled(path));
        for (name, value) in headers {
            ask = ask.header(name, &filled(value));
        }
        if body.is_empty() { ask } else { ask.body(filled(body)) }
    }

    /// How an answer differs from the recorded one, in which these texts stand in place of others.
    pub(super) fn differences(&self, answer: &Answer, put: &[(&str, &str)]) -> Vec<String> {
        let filled = |text: &str| filled(text, put);
        let mut all = Vec::new();
        let mut compare = |what: &str, recorded: String, answered: String| {
            if recorded != answered {
                let Self { service, profile, case, .. } = self;
                all.push(format!(
                    "{service}, {profile}, {case}: {what}\n  recorded {recorded}\n  answered {answered}"
                ));
            }
        };
        compare("status", self.response.status.to_string(), answer.status.to_string());
        for (name, value) in &self.response.headers {
            // The length is that of the values, and the client has read so many bytes.
            if !name.eq_ignore_ascii_case("content-length") {
                compare(name, filled(value), answer.header(name).unwrap_or("(none)").to_owned());
            }
        }
        for (name, _) in &answer.headers {
            let of_the_moment = name.eq_ignore_ascii_case("date");
            let recorded = self.response.headers.contains_key(name);
            compare(
                "header",
                name.clone(),
                if recorded || of_the_moment { name.clone() } else { "(none)".into() },
            );
        }
        compare("body", by_kind(&filled(&self.response.body)), by_kind(&answer.body));
        all
    }
}

/// `text` with other texts in place of some. One that was put in is not looked into again: a port may hold another.
fn filled(text: &str, put: &[(&str, &str)]) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let (from, to) = put.iter().copied().find(|(from, _)| rest.starts_with(from)).unwrap_or(("", ""));
        if from.is_empty() {
            filled.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            filled.push_str(to);
            rest = &rest[from.len()..];
        }
    }
    filled
}

#[test]
fn filled_text_is_not_replaced_again() {
    let put = [("7700", "37701"), ("7701", "40000")];
    assert_eq!(filled("7700 7701", &put), "37701 40000");
}

/// A body with its random values replaced by their kinds.
fn by_kind(body: &str) -> String {
    let parts: Vec<_> =
        body.split('"').map(|part| kind(part).map_or(part.to_owned(), str::to_owned)).collect();
    parts.join("\"").replace("\"id\":1,", "\"id\":<n>,").replace("\"id\":2,", "\"id\":<n>,")
}

/// What kind of random value a text is.
fn kind(text: &str) -> Option<&'static str> {
    let like = |pattern: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(p, b)| match p {
                b'9' => b.is_ascii_digit(),
                b'x' => b.is_ascii_hexdigit() && !b.is_ascii_uppercase(),
                b'o' => b.is_ascii_alphanumeric() || b"-_".contains(&b),
                _ => p == b,
            })
    };
    let opaque = |length: usize| like(&"o".repeat(length));
    match text {
        _ if like("9999-99-99T99:99:99.999999") => Some("<moment>"),
        // Without a fraction where it is zero.
        _ if like("9999-99-99T99:99:99") => Some("<moment>"),
        _ if like("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") => Some("<uuid>"),
        _ if opaque(64) => Some("<key>"),
        _ if text.strip_prefix("prov_").is_some() && opaque(48) => Some("<token>"),
        _ if text.split('.').count() == 3
            && text.len() > 20
            && text
                .split('.')
                .all(|part| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))) =>
        {
            Some("<jwt>")
        }
        _ => None,
    }
}
