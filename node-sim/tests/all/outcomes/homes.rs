//! Each answer of both homes, byte for byte and over TLS, with what the node makes of it: docs/wire/answers.md.

use std::collections::BTreeMap;
use std::fs;

use node_core::led::Pattern;
use node_core::outcome::Outcome;
use node_sim::node::led_in_words;
use serde::Deserialize;
use serde_json::Value;
use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::waiting::until;

use super::answers::{asks_the_command_center, asks_the_logs};
use super::{Row, are_whole, is_kept, written};
use crate::tls::answered;

const HEAD: &str = "\
# Answers of both homes

What the node makes of every answer that a service of a Jarvis home gives to its validation. The answers are those of
`server-stub/tests/fixtures`: recorded from the Python auth service, read in the source for the Python command center
and for jarvisd. Each is sent to the real program, byte for byte and over TLS. Written by
`UPDATE_OUTCOMES=1 cargo test -p node-sim --test all outcomes`, which fails if an answer leads to anything else.
What proxies, portals and strangers answer is in [the table of outcomes](../evidence/outcomes.md).
";

const COLUMNS: [&str; 7] = ["home: case", "answer", "outcome", "LED", "exit code", "reason", "fix"];

/// A way to ask whether the node is valid.
struct Way {
    section: &'static str,
    /// Makes a configuration that asks an auth service at a URL ask this way.
    asks: fn(&Rig, &str),
    /// Asks, and returns the exit code and the words.
    runs: fn(&Rig) -> (Option<i32>, Value),
    answers: Vec<Given>,
}

/// An answer, and who gives it when.
struct Given {
    case: String,
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

impl Response {
    fn of(self, home: &str, case: &str) -> Given {
        let Self { status, headers, body } = self;
        Given { case: format!("{home}: {case}"), status, headers, body: body.unwrap_or_default() }
    }
}

#[derive(Deserialize)]
struct Request {
    path: String,
}

/// One exchange of a fixture.
#[derive(Deserialize)]
struct Exchange {
    #[serde(default = "auth")]
    service: String,
    #[serde(default = "legacy")]
    profile: String,
    #[serde(alias = "name")]
    case: String,
    request: Request,
    response: Response,
}

fn auth() -> String {
    "auth".into()
}

fn legacy() -> String {
    "legacy".into()
}

/// A fixture; its other keys say where it comes from.
#[derive(Deserialize)]
struct Fixture {
    #[serde(alias = "records")]
    exchanges: Vec<Exchange>,
}

/// The answers of a service to a request at `path`, misspelt or not, in both homes.
fn recorded(service: &str, path: &str) -> Vec<Given> {
    let fixtures = [
        include_str!("../../../../server-stub/tests/fixtures/jarvis-auth.json"),
        include_str!("../../../../server-stub/tests/fixtures/jarvis-home.json"),
    ];
    let all = fixtures.into_iter().flat_map(|text| serde_json::from_str::<Fixture>(text).unwrap().exchanges);
    let found = all.filter(|one| one.service == service && one.request.path.contains(path));
    let found = found.map(|Exchange { profile, case, response, .. }| {
        response.of(if profile == "legacy" { "Python" } else { &profile }, &case)
    });
    found.collect()
}

/// What jarvisd's HTTP server does to any answer, which no fixture of this request shows. `valid` is a good answer's JSON.
fn framed(valid: &str) -> Vec<Given> {
    let json = ("Content-Type", "application/json");
    let text = ("Content-Type", "text/plain; charset=utf-8");
    let nosniff = ("X-Content-Type-Options", "nosniff");
    let (begin, end) = valid.split_at(valid.len() / 2);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let chunked = format!("{}{}0\r\n\r\n", chunk(begin), chunk(&format!("{end}\n")));
    let given = |case: &str, status, headers: &[(&str, &str)], body: &str| Given {
        case: format!("jarvisd: {case}"),
        status,
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.into(),
    };
    vec![
        given("in chunks", 200, &[json, ("Transfer-Encoding", "chunked")], &chunked),
        given("another path", 404, &[text, nosniff], "404 page not found\n"),
        given("another method", 405, &[text, nosniff, ("Allow", "GET, HEAD")], "Method Not Allowed\n"),
        given("two slashes", 307, &[("Location", "/api/v0/x")], ""),
        given(
            "too large",
            413,
            &[json, ("Connection", "close")],
            "{\"detail\":\"Request body too large\"}\n",
        ),
    ]
}

impl Given {
    fn bytes(&self) -> String {
        let Self { status, headers, body, .. } = self;
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason_phrase(*status));
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let has = |name: &str| headers.keys().any(|key| key.eq_ignore_ascii_case(name));
        let has_length = has("content-length") || has("transfer-encoding") || has("connection");
        if !has_length && *status != 204 {
            head += &format!("content-length: {}\r\n", body.len());
        }
        format!("{head}\r\n{body}")
    }

    /// Status and body, and where that is no JSON or no body the header that says so.
    fn named(&self) -> String {
        let told = ["content-type", "location", "transfer-encoding"];
        let headers = self.headers.iter().filter(|(name, value)| {
            told.contains(&&*name.to_ascii_lowercase()) && *value != "application/json"
        });
        let headers = headers.map(|(name, value)| format!("`{name}: {value}`"));
        let body = self.body.trim().replace("\r\n", " ");
        let body = (!body.is_empty()).then(|| format!("`{body}`"));
        [self.status.to_string()].into_iter().chain(headers).chain(body).collect::<Vec<_>>().join(" ")
    }
}

const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        204 => "No Content",
        405 => "Method Not Allowed",
        413 => "Request Entity Too Large",
        422 => "Unprocessable Entity",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    }
}

/// The words of a daemon after its first answer, and what `check` would have exited with.
fn by_daemon(rig: &Rig) -> (Option<i32>, Value) {
    // It may hold the verdict on an earlier answer. The first time it is not there.
    let _ = fs::remove_file(rig.path("status.json"));
    let daemon = Daemon::start(&mut rig.command("run"));
    let mut view = Value::Null;
    until("an outcome", || {
        let output = rig.command("status").arg("--json").output().unwrap();
        view = serde_json::from_slice(&output.stdout).unwrap_or_default();
        view["outcome"].as_str().is_some_and(|outcome| outcome != "starting")
    });
    daemon.stop();
    let outcome = view["outcome"].as_str().and_then(Outcome::from_name).unwrap();
    (Some(outcome.exit_code().into()), view)
}

fn ways() -> [Way; 4] {
    let denied = Given {
        case: "jarvisd: a service with `&` in its name".into(),
        status: 200,
        headers: BTreeMap::new(),
        body: "{\"reason\":\"Node is not authorized to access service 'a\\u0026b'\",\"valid\":false}\n"
            .into(),
    };
    let direct =
        framed(r#"{"household_id":null,"household_member_ids":[1],"node_id":"kitchen-pi","valid":true}"#);
    [
        Way {
            section: "The auth service, asked by an app (`auth_url`)",
            asks: |_, _| {},
            runs: Rig::check,
            answers: [recorded("auth", "/internal/validate-node"), direct, vec![denied]]
                .into_iter()
                .flatten()
                .collect(),
        },
        Way {
            section: "The command center, asked by the node (`via.command_center`): the daemon's heartbeat",
            asks: asks_the_command_center,
            runs: by_daemon,
            answers: [
                recorded("command-center", "/api/v0/admin/nodes/heartbeat"),
                framed(r#"{"status":"ok"}"#),
            ]
            .into_iter()
            .flatten()
            .collect(),
        },
        Way {
            section: "The command center, asked for MQTT credentials: `check`, and a node with a shared identity",
            asks: asks_the_command_center,
            runs: Rig::check,
            answers: recorded("command-center", "/api/v0/node/mqtt-credentials"),
        },
        Way {
            section: "The logs, asked by the node (`via.logs`)",
            asks: asks_the_logs,
            runs: Rig::check,
            answers: recorded("logs", "/api/v0/node/logs/batch").into_iter().chain(logs_outages()).collect(),
        },
    ]
}

/// What the Python logs say when they cannot ask the auth service (jarvis-logs, app/auth.py, 51b94db).
fn logs_outages() -> impl Iterator<Item = Given> {
    let said = [
        "Auth service unavailable: timed out",
        "Auth service error: 500",
        "JARVIS_APP_KEY not configured",
        "Invalid response from auth service: Expecting value",
    ];
    said.into_iter().map(|detail| Given {
        case: format!("Python: {detail}"),
        status: 403,
        headers: BTreeMap::new(),
        body: format!("{{\"detail\":\"{detail}\"}}"),
    })
}

/// A row, with what the program's own words do not say.
struct Told {
    row: Row,
    answer: String,
    led: String,
    exit: String,
}

fn told(way: &Way) -> Vec<Told> {
    let rig = Rig::new();
    let told = way.answers.iter().map(|given| {
        let (exit, view) = answered(&rig, given.bytes(), way.asks, way.runs);
        let outcome = view["outcome"].as_str().and_then(Outcome::from_name).unwrap();
        Told {
            row: Row::of_check(way.section, given.case.clone(), &view),
            answer: given.named(),
            led: led_in_words(Pattern::of(outcome)),
            exit: exit.unwrap().to_string(),
        }
    });
    told.collect()
}

#[test]
fn each_answer_of_both_homes_has_its_outcome() {
    let told: Vec<_> = ways().iter().flat_map(told).collect();
    let cells = told.iter().map(|Told { row, answer, led, exit }| {
        (row.section, [&*row.cause, answer, &*row.outcome, led, exit, &*row.reason, &*row.fix])
    });
    is_kept("docs/wire/answers.md", &written(HEAD, COLUMNS, cells));
    are_whole(&told.into_iter().map(|told| told.row).collect::<Vec<_>>());
}
