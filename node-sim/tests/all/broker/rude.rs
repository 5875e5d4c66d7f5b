//! Callers that misbehave, and do not affect others.

use core::time::Duration;
use std::time::Instant;

use serde_json::json;
use test_support::waiting::until;

use super::caller::{Answer, request};
use super::rig::{COORDINATOR, GATEWAY, Rig};

#[test]
fn slow_silent_and_leaving_callers_delay_nobody() {
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 600);
    let _daemon = rig.daemon();
    let held = rig.get(GATEWAY).token().to_owned();
    rig.fault("body-stall");
    let silent: Vec<_> = (0..50).map(|_| rig.caller()).collect();
    let mut slow: Vec<_> = (0..50).map(|_| rig.caller()).collect();
    let start = Instant::now();
    for byte in &request("GET", GATEWAY)[..30] {
        for caller in &mut slow {
            // The broker gives up after five seconds. On a busy machine that may come before this loop ends.
            caller.send(&[*byte]);
        }
        // Two callers that leave before their answer, and one that only connects.
        drop((rig.asking(GATEWAY), rig.asking(COORDINATOR), rig.caller()));
        assert_eq!(rig.get(GATEWAY).token(), held);
    }
    for caller in silent {
        assert_eq!(caller.read_all(), b"", "nothing was said, and nothing is answered");
    }
    for caller in slow {
        let heard = caller.read_all_or_reset();
        assert!(heard.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&heard));
    }
    assert!(start.elapsed() >= Duration::from_secs(4), "given up after {:?}", start.elapsed());
    assert_eq!(rig.get(GATEWAY).token(), held);
}

#[test]
fn overlong_or_malformed_request_is_refused_before_its_end() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let long = |head: &str, count: usize| [head.as_bytes(), &vec![b'a'; count]].concat();
    let post = "POST /v1/token/exchange HTTP/1.1\r\nContent-Type: application/json\r\n";
    for (request, status, code) in [
        (long("GET /v1/token?audience=", 9000), 431, "headers_too_large"),
        (long("GET /v1/health HTTP/1.1\r\nX: ", 9000), 431, "headers_too_large"),
        (
            ("GET /v1/health HTTP/1.1\r\n".to_owned() + &"a: b\r\n".repeat(65)).into(),
            431,
            "headers_too_large",
        ),
        (format!("{post}Content-Length: 16385\r\n\r\n").into(), 413, "body_too_large"),
        (format!("{post}Content-Length: 99999999999999999999\r\n\r\n").into(), 413, "body_too_large"),
        (format!("{post}Content-Length: -1\r\n\r\n").into(), 400, "invalid_request"),
        (format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}").into(), 400, "invalid_request"),
        (
            format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n").into(),
            400,
            "invalid_request",
        ),
        (format!("{post}\r\n").into(), 411, "length_required"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 client hello".to_vec(), 400, "invalid_request"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), 400, "invalid_request"),
        (b"GET /v1/health HTTP/2.0\r\n\r\n".to_vec(), 400, "invalid_request"),
        (b"GET /v1/health HTTP/1.1\r\nNo colon\r\n\r\n".to_vec(), 400, "invalid_request"),
        (b"\0\0\0\0".to_vec(), 400, "invalid_request"),
    ] {
        let answer = rig.send(&request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(90)]).into_owned();
        assert_eq!(answer.brief(), (status, code), "{shown:?}");
    }
    // The broker closes the connection before it has read all of this.
    let mut endless = rig.caller();
    while endless.send(&[b'x'; 4096]) {}
    assert_eq!(rig.get("/v1/health").status, 200);
}

#[test]
fn half_closed_caller_is_answered() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    rig.fault("late");
    let waits = rig.asking(GATEWAY);
    waits.close_sending_half();
    waits.answer().token();
    let mut halfway = rig.caller();
    halfway.send(b"GET /v1/health HTTP/1.1\r\nHos");
    halfway.close_sending_half();
    assert_eq!(halfway.answer().brief(), (400, "invalid_request"));
    let silent = rig.caller();
    silent.close_sending_half();
    assert_eq!(silent.read_all(), b"");
}

#[test]
fn request_in_pieces_and_expected_body_are_read() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let subject = rig.sts.token(&json!({"aud": "jarvis-node"}));
    let body = json!({"subject_token": subject, "audience": "arp-run-coordinator"}).to_string();
    let mut caller = rig.caller();
    let head = format!(
        "POST /v1/token/exchange HTTP/1.1\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    for part in head.as_bytes().chunks(7) {
        assert!(caller.send(part));
    }
    until("it is told to go on", || caller.is_answered());
    assert!(caller.send(body.as_bytes()));
    let heard = caller.read_all();
    let end = heard.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    assert!(heard.starts_with(b"HTTP/1.1 100 Continue\r\n"));
    Answer::read(&heard[end + 4..]).token();
}
