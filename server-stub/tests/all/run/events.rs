//! Events, passed on as opaque bytes while they are produced.

use std::io::Read;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use server_stub::{Server, ServerOptions};

use super::rig::Rig;
use crate::client::{Ask, Connection};

/// The head of an answer.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(byte(stream));
    }
    String::from_utf8(head).expect("text").to_ascii_lowercase()
}

/// The next chunk (RFC 9112, section 7.1) of its body; empty at the end.
fn chunk(stream: &mut impl Read) -> Vec<u8> {
    let mut size = Vec::new();
    while !size.ends_with(b"\r\n") {
        size.push(byte(stream));
    }
    let size = String::from_utf8(size).expect("text");
    let mut chunk = vec![0; usize::from_str_radix(size.trim_end(), 16).expect("a size") + 2];
    stream.read_exact(&mut chunk).expect("a whole chunk");
    chunk.truncate(chunk.len() - 2);
    chunk
}

fn byte(stream: &mut impl Read) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("a byte");
    byte[0]
}

/// A whole body in chunks.
pub(crate) fn read_all(stream: &mut impl Read) -> String {
    let head = head(stream);
    assert!(head.starts_with("http/1.1 200") && head.contains("transfer-encoding: chunked"), "{head}");
    let mut all = Vec::new();
    loop {
        match chunk(stream) {
            chunk if chunk.is_empty() => return String::from_utf8(all).expect("text"),
            chunk => all.extend(chunk),
        }
    }
}

fn listening(rig: &Rig, run_id: &str) -> Connection<std::net::TcpStream> {
    let bearer = format!("Bearer {}", rig.token());
    let mut connection = Connection::plain(rig.gateway.server().addr());
    let path = format!("/v1/runs/{run_id}/events");
    connection.send(&Ask::get(&path).header("Authorization", &bearer).bytes());
    connection
}

#[test]
fn each_event_arrives_before_the_next_is_produced() {
    let rig = Rig::new();
    assert_eq!(rig.start("r").status, 200);
    let mut connection = listening(&rig, "r");
    let head = head(&mut connection.stream);
    assert!(head.contains("content-type: application/x-ndjson"), "{head}");
    let mut kinds = Vec::new();
    for seq in 1..=5 {
        // The coordinator produces the next event only after this one has arrived.
        assert_eq!(rig.coordinator.events("r"), seq);
        let line = String::from_utf8(chunk(&mut connection.stream)).expect("text");
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line}");
        let event: Value = serde_json::from_str(&line).expect("an object, not a string with one");
        assert_eq!((&event["seq"], &event["run_id"]), (&json!(seq), &json!("r")));
        for name in ["node_run_id", "time", "type"] {
            assert!(event[name].is_string(), "{event}");
        }
        kinds.push(event["type"].as_str().expect("a type").to_owned());
        assert_eq!(rig.coordinator.step("r"), seq < 5);
    }
    assert_eq!((kinds[0].as_str(), kinds[4].as_str()), ("run_started", "run_completed"));
    assert!(chunk(&mut connection.stream).is_empty(), "the run is over, and so are its events");
}

#[test]
fn late_readers_get_all_events_and_cancelling_ends_them() {
    let rig = Rig::new();
    assert_eq!(rig.start("r").status, 200);
    assert!(rig.coordinator.step("r"));
    let mut waiting = listening(&rig, "r");
    assert!(head(&mut waiting.stream).starts_with("http/1.1 200"));
    for _ in 0..2 {
        assert!(!chunk(&mut waiting.stream).is_empty());
    }
    assert_eq!(rig.ask(Ask::new("POST", "/v1/runs/r:cancel")).status, 200);
    let last: Value = serde_json::from_slice(&chunk(&mut waiting.stream)).expect("an event");
    assert_eq!(last["data"], json!({ "state": "canceled" }));
    assert!(chunk(&mut waiting.stream).is_empty());
    assert_eq!(read_all(&mut listening(&rig, "r").stream).lines().count(), 3);
}

/// Like the published coordinator's: a JSON string instead of lines.
#[test]
fn events_are_passed_on_as_opaque_bytes() {
    const ODD: &[u8] = b"\"{\\\"seq\\\":1}\\n\"\xff\0";
    let odd = Router::new().route("/v1/runs/{id}/events", get(|| async { ODD }));
    let odd = Server::start(ServerOptions::default(), odd).expect("a server");
    let rig = Rig::with(|settings| settings.coordinator_url = odd.url().to_owned());
    let mut connection = listening(&rig, "r");
    let head = head(&mut connection.stream);
    assert!(head.contains("content-type: application/octet-stream"), "{head}");
    let mut body = vec![0; ODD.len()];
    connection.stream.read_exact(&mut body).expect("a body");
    assert_eq!(body, ODD);
}
