//! Requests that get no token, and the exit codes for a script.

use std::fs;

use super::rig::{Rig, ended};
use super::service::{Service, answer};

#[test]
fn no_token_is_asked_for_where_none_may_go() {
    let rig = Rig::new();
    let own = rig.node.stub.url();
    let plain = own.replace("https://127.0.0.1", "http://192.0.2.1");
    for (url, why) in
        [(format!("{own}/v1/runs"), "no token may go to"), (format!("{plain}/v1/runs"), "plain HTTP")]
    {
        let done = rig.request("GET", &url, &[]);
        assert_eq!((done.code, done.body.as_str()), (Some(64), ""), "{url}: {done:?}");
        assert!(done.told.contains(why), "{url}: {done:?}");
    }
    // Without a configuration that can be read no token is asked for either.
    let socket = rig.socket();
    let mut other = rig.command("GET", "https://127.0.0.1:1/", &["--socket", socket.to_str().unwrap()]);
    let done = ended(other.arg("--config").arg(rig.node.dir.path().join("none.json")), "");
    assert_eq!(done.code, Some(78), "{done:?}");
    assert_eq!(rig.sts.token_requests(), 0);
}

#[test]
fn status_is_the_exit_code_and_no_redirect_is_followed() {
    let rig = Rig::new();
    for (status, code) in
        [(201, 0), (204, 0), (302, 76), (307, 76), (400, 65), (404, 65), (429, 75), (500, 75), (503, 75)]
    {
        let elsewhere = Service::new(|_| answer(200, "", "elsewhere"));
        let lines = format!("Location: {}\r\n", elsewhere.url("/"));
        let service = Service::new(move |_| {
            if status == 204 { "HTTP/1.1 204 X\r\n\r\n".into() } else { answer(status, &lines, "body") }
        });
        let done = rig.request("POST", &service.url("/"), &["--data", "{}"]);
        assert_eq!(done.code, Some(code), "{status}: {done:?}");
        assert_eq!(done.told, format!("HTTP {status}\n"));
        assert_eq!(done.body, if status == 204 { "" } else { "body" });
        assert_eq!((service.heard().len(), elsewhere.heard().len()), (1, 0), "{status}");
        assert!(service.heard()[0].contains("\r\ncontent-type: application/json\r\n"));
    }
    assert_eq!(rig.sts.token_requests(), 1);
}

#[test]
fn broken_off_answer_is_reported() {
    let rig = Rig::new();
    let half = Service::new(|_| "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf".into());
    let done = rig.request("GET", &half.url("/"), &[]);
    assert_eq!((done.code, done.body.as_str()), (Some(69), "half"), "{done:?}");
    assert!(done.told.starts_with("HTTP 200\n") && done.told.contains("broke off"), "{done:?}");
    let chunk = Service::new(|_| "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n".into());
    let done = rig.request("GET", &chunk.url("/"), &[]);
    assert_eq!((done.code, done.body.as_str()), (Some(69), "half"), "{done:?}");
    let quoted = Service::new(|_| "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n\"half".into());
    let done = rig.request("GET", &quoted.url("/v1/runs/r/events"), &[]);
    assert_eq!((done.code, done.body.as_str()), (Some(69), "\"half"), "{done:?}");
    let none = Service::new(|_| String::new());
    let done = rig.request("GET", &none.url("/"), &[]);
    assert_eq!((done.code, done.body.as_str()), (Some(69), ""), "{done:?}");
    // The request may have arrived, so it is not sent again.
    assert_eq!(none.heard().len(), 1);
}

#[test]
fn debug_log_shows_no_token() {
    let rig = Rig::new();
    let service = Service::new(|_| answer(401, "WWW-Authenticate: Bearer\r\n", "no"));
    let mut command = rig.command("GET", &service.url("/"), &[]);
    let done = ended(command.env("JARVIS_NODE_LOG", "debug"), "");
    assert_eq!(done.code, Some(77), "{done:?}");
    for token in service.tokens() {
        let parts: Vec<_> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| !done.told.contains(part)), "{done:?}");
    }
}

#[test]
fn user_without_right_is_told_why_and_nothing_is_sent() {
    let rig = Rig::new();
    let service = Service::new(|_| answer(200, "", ""));
    let (url, socket) = (service.url("/"), rig.socket());
    let mut command = rig.node.command("request");
    let done = ended(command.args(["GET", &url, "--audience", "nobody"]), "");
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(done.told.contains("no such audience"), "{done:?}");
    let done = rig.request("GET", &url, &["--socket", "/nowhere/node.sock"]);
    assert_eq!(done.code, Some(69), "{done:?}");
    let done = rig.request("POST", &url, &["--data", "@/nowhere/data"]);
    assert_eq!(done.code, Some(66), "{done:?}");
    let large = rig.node.dir.path().join("large");
    fs::File::create(&large).unwrap().set_len((16 << 20) + 1).unwrap();
    let done = rig.request("POST", &url, &["--data", &format!("@{}", large.display())]);
    assert_eq!(done.code, Some(65), "{done:?}");
    assert!(service.heard().is_empty());
    let done = rig.request("OPTIONS", &url, &["--socket", socket.to_str().unwrap()]);
    assert_eq!((done.code, service.heard().len()), (Some(0), 1), "{done:?}");
}

#[test]
fn quoted_events_are_printed_as_lines() {
    let rig = Rig::new();
    let lines: String =
        (1..=300).map(|seq| format!("{{\"seq\":{seq},\"type\":\"node_evaluated\"}}\n")).collect();
    // As the published coordinator quotes them, and its gateway the coordinator's string.
    let once = serde_json::Value::from(lines.as_str()).to_string();
    let twice = serde_json::Value::from(once).to_string();
    let served = twice.clone();
    let service = Service::new(move |_| answer(200, "Content-Type: application/json\r\n", &served));
    let done = rig.request("GET", &service.url("/v1/runs/r/events"), &[]);
    assert_eq!((done.code, done.body), (Some(0), lines));
    // No other answer is changed.
    let done = rig.request("GET", &service.url("/v1/runs/r"), &[]);
    assert_eq!((done.code, done.body), (Some(0), twice));
}

#[test]
fn events_too_long_to_be_unquoted_are_passed_on() {
    let rig = Rig::new();
    let quoted = format!("\"{}\"", "x".repeat(17 * 1024 * 1024));
    let served = quoted.clone();
    let service = Service::new(move |_| answer(200, "", &served));
    let done = rig.request("GET", &service.url("/v1/runs/r/events"), &[]);
    assert_eq!((done.code, done.body == quoted), (Some(0), true), "{}", done.told);
}
