//! The socket's OpenAPI document: every answer that these tests get by their rig is as it says.

use serde_json::{Value, json};
use test_support::described::Described;
use test_support::http::Answer;

use super::rig::{GATEWAY, Rig};

const DOCUMENT: &str = include_str!("../../../../src/broker/request/openapi.json");

thread_local! {
    /// Made once for each test: its schemas take long to make.
    static DESCRIBED: Described = document();
}

fn document() -> Described {
    Described::new(DOCUMENT.parse().expect("JSON"))
}

/// Compares an answer with the document.
///
/// # Panics
/// If it is another.
pub(super) fn check(method: &str, target: &str, answer: &Answer) {
    DESCRIBED.with(|described| described.check(method, target, answer)).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn metrics_are_as_described() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let whole = String::from_utf8(rig.asking("/v1/metrics").read_all()).expect("text");
    let (head, body) = whole.split_once("\r\n\r\n").expect("an answer");
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.into(), value.into())).collect();
    check("GET", "/v1/metrics", &Answer { status: 200, headers, body: body.into() });
}

#[test]
fn paths_and_methods_are_those_described() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let described = document();
    // The refusal of an unknown path names all that there are.
    let named = rig.get("/v1/nothing").message().to_owned();
    let paths: Vec<&str> = named.split([' ', ',']).filter(|word| word.starts_with("/v1/")).collect();
    let mut documented: Vec<&str> = described.paths().collect();
    documented.sort_by_key(|path| paths.iter().position(|other| other == path));
    assert_eq!(documented, paths);
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let asked = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            let bytes = rig.answer_to(asked.as_bytes());
            let is_refused = bytes.starts_with(b"HTTP/1.1 405 ");
            assert_eq!(is_refused, described.operation(method, path).is_none(), "{method} {path}");
        }
    }
}

#[test]
fn wrong_answers_are_not_as_described() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let described = document();
    let is_right = |target: &str, right: &Answer, change: &dyn Fn(&mut Value, &mut u16)| {
        let (mut body, mut status) = (right.json(), right.status);
        change(&mut body, &mut status);
        let answer = Answer { status, headers: right.headers.clone(), body: body.to_string() };
        described.check("GET", target, &answer).is_ok()
    };
    for (target, key) in [
        ("/v1/health", "token_trouble"),
        ("/v1/version", "service_version"),
        ("/v1/status", "next_check_secs"),
        (GATEWAY, "fingerprint"),
    ] {
        let right = rig.get(target).to_http();
        assert!(is_right(target, &right, &|_, _| ()));
        let without =
            |body: &mut Value, _: &mut u16| drop(body.as_object_mut().expect("an object").remove(key));
        assert!(!is_right(target, &right, &without), "{target} without {key}");
        assert!(!is_right(target, &right, &|body, _| body[key] = json!([])), "{target} with another {key}");
        assert!(!is_right(target, &right, &|body, _| body["more"] = json!(1)), "{target} with a member more");
        assert!(!is_right(target, &right, &|_, status| *status = 201), "{target} with another status");
    }
    let right = rig.get("/v1/token?audience=nowhere").to_http();
    let renamed = |body: &mut Value, _: &mut u16| body["error"]["code"] = json!("forbidden");
    assert!(!is_right(GATEWAY, &right, &renamed));
}
