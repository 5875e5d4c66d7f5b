//! `jarvis-node check`: every outcome it can have.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use server_stub::{Faults, Options, Stub};

use test_support::rig::Rig;
use test_support::rude::{answer, read_request, rude_server};
use test_support::waiting::PATIENCE;

#[track_caller]
fn refused(rig: &Rig, code: i32, outcome: &str, reason: &str) -> Value {
    let (exit, view) = rig.check();
    assert_eq!((exit, view["outcome"].as_str()), (Some(code), Some(outcome)), "{view}");
    assert!(view["reason"].as_str().unwrap().contains(reason), "{view}");
    assert!(!view["fix"].as_str().unwrap().is_empty(), "{view}");
    view
}

#[test]
fn a_known_node_is_valid() {
    let rig = Rig::new();
    let (code, view) = rig.check();
    assert_eq!(code, Some(0));
    assert_eq!(
        view,
        json!({
            "outcome": "valid", "node_id": "kitchen-pi",
            "household_id": "11111111-2222-4333-8444-555555555555", "household_member_ids": [1],
            "reason": null, "fix": null, "source": "server", "age_secs": 0, "next_check_secs": null,
            "warnings": [], "chain": {"keys": ["p-256", "p-256"], "cost": "heavy"},
        })
    );
    assert_eq!(rig.stub.validations(), 1);
    let output = rig.command("check").output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "valid: the auth service accepts this node; node kitchen-pi, household 11111111-2222-4333-8444-555555555555\n"
    );
}

#[test]
fn a_node_whose_key_was_rotated_is_rejected() {
    let rig = Rig::new();
    let new_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    let view = refused(&rig, 77, "node-rejected", "Invalid node credentials");
    assert_eq!((&view["household_id"], &view["source"]), (&Value::Null, &json!("server")));
    rig.install(&new_key);
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn dripping_handshake_is_cut_at_the_timeout() {
    // A TLS record that is announced as long and comes byte by byte, so that there is always more to read.
    let drips = rude_server(|mut stream| {
        let record = [vec![22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc], vec![0; 60_000]].concat();
        for byte in record {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(core::time::Duration::from_micros(700));
        }
    });
    let rig = Rig::new();
    rig.configure("auth_url", format!("https://{drips}"));
    rig.configure("request_timeout_secs", 2);
    let start = Instant::now();
    refused(&rig, 75, "server", "did not answer in TLS in time");
    assert!(start.elapsed() < core::time::Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn a_deactivated_node_is_rejected() {
    let rig = Rig::new();
    assert!(rig.stub.deactivate("kitchen-pi"));
    refused(&rig, 77, "node-rejected", "Node is inactive");
}

#[test]
fn service_not_granted_is_a_rejection() {
    let rig = Rig::new();
    rig.configure("service_id", "lights");
    let view = refused(&rig, 77, "node-rejected", "not authorized to access service 'lights'");
    assert!(
        view["fix"].as_str().unwrap().contains("service_id: a command center grants jarvis-command-center"),
        "{view}"
    );
}

#[test]
fn wrong_app_key_is_an_app_rejection() {
    let rig = Rig::new();
    rig.configure("app_id", "somebody-else");
    refused(&rig, 77, "app-rejected", "somebody-else");
}

#[test]
fn server_that_is_down_is_network_trouble() {
    let rig = Rig::new();
    rig.stub.go_down();
    let view = refused(&rig, 69, "network", "connection refused");
    assert_eq!(view.get("chain"), None, "{view}");
    rig.configure("auth_url", "https://no-such-host.invalid");
    refused(&rig, 69, "network", "no address can be found for no-such-host.invalid");
}

#[test]
fn a_certificate_that_cannot_be_trusted_is_tls_trouble() {
    let rig = Rig::new();
    let stranger = Stub::start(Options::default()).unwrap();
    rig.configure("auth_url", stranger.url());
    let view = refused(&rig, 76, "tls", "not signed by a CA this node trusts");
    assert!(view["fix"].as_str().unwrap().contains("ca_file"), "{view}");
    assert_eq!(view.get("chain"), None, "{view}");
    assert_eq!(stranger.validations(), 0);
    // Mozilla's roots do not know it either.
    rig.configure("auth_url", rig.stub.url());
    rig.configure("ca_file", Value::Null);
    refused(&rig, 76, "tls", "not signed by a CA this node trusts");
}

#[test]
fn a_certificate_for_another_name_is_tls_trouble() {
    let rig = Rig::new();
    rig.configure("auth_url", format!("https://127.0.0.2:{}", rig.stub.addr().port()));
    let (code, view) = rig.check();
    // 127.0.0.2 leads to the same machine, but the stub listens at 127.0.0.1 alone.
    assert_eq!((code, view["outcome"].as_str()), (Some(69), Some("network")), "{view}");
    let everywhere = Stub::start(Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        dir: Some(rig.dir.path().into()),
        ..Options::default()
    })
    .unwrap();
    rig.configure("start_splay_secs", 0);
    rig.configure("auth_url", format!("https://127.0.0.2:{}", everywhere.addr().port()));
    refused(&rig, 76, "tls", "not made out for 127.0.0.2, but for localhost, 127.0.0.1");
}

#[test]
fn a_port_that_speaks_no_tls_is_tls_trouble() {
    let rig = Rig::new();
    let plain = Stub::start(Options { tls: false, ..Options::default() }).unwrap();
    rig.configure("auth_url", format!("https://{}", plain.addr()));
    refused(&rig, 76, "tls", "does not speak TLS");
}

#[test]
fn plain_http_on_loopback_works_and_needs_no_certificate() {
    let rig = Rig::new();
    let dir = tempfile::tempdir().unwrap();
    let stub =
        Stub::start(Options { tls: false, dir: Some(dir.path().into()), ..Options::default() }).unwrap();
    let plain = Rig { stub, dir };
    let (code, view) = plain.check();
    assert_eq!((code, view.get("chain")), (Some(0), None), "{view}");
    drop(rig);
}

/// Answers that say nothing about the node. Over plain HTTP, so that each byte can be chosen.
#[test]
fn untrustworthy_answer_is_server_trouble() {
    type Case = (&'static str, fn(TcpStream), &'static str);
    let cases: [Case; 14] = [
        (
            "500",
            |s| answer(s, b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\nno"),
            "failed (500)",
        ),
        (
            "503",
            |s| answer(s, b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n"),
            "(503)",
        ),
        (
            "429",
            |s| answer(s, b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n"),
            "(429)",
        ),
        ("404", |s| answer(s, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"), "no such path (404)"),
        ("422", |s| answer(s, b"HTTP/1.1 422 Unprocessable\r\ncontent-length: 0\r\n\r\n"), "(422)"),
        ("204", |s| answer(s, b"HTTP/1.1 204 No Content\r\n\r\n"), "status 204"),
        (
            "redirect",
            |s| {
                answer(s, b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
            },
            "points to http://127.0.0.1:1 (307)",
        ),
        (
            "portal",
            |s| {
                answer(
                    s,
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>",
                )
            },
            "sent a page for people (200)",
        ),
        (
            "other node",
            |s| {
                answer(s, b"HTTP/1.1 200 OK\r\ncontent-length: 36\r\n\r\n{\"valid\":true,\"node_id\":\"garage-pi\"}")
            },
            "not for node 'kitchen-pi'",
        ),
        ("garbage", |s| answer(s, b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "not proper HTTP"),
        (
            "cut body",
            |s| answer(s, b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"valid\":false"),
            "closed the connection",
        ),
        ("no answer", |mut s| drop(read_request(&mut s)), "closed the connection"),
        ("closed at once", drop, "closed the connection"),
        (
            "endless body",
            |mut s| {
                read_request(&mut s);
                let _ = std::io::Write::write_all(&mut s, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
                while std::io::Write::write_all(&mut s, &[b' '; 4096]).is_ok() {}
            },
            "",
        ),
    ];
    let rig = Rig::new();
    for (name, behave, reason) in cases {
        rig.configure("auth_url", format!("http://{}", rude_server(behave)));
        let (exit, view) = rig.check();
        assert_eq!((exit, view["outcome"].as_str()), (Some(75), Some("server")), "{name}: {view}");
        assert!(view["reason"].as_str().unwrap().contains(reason), "{name}: {view}");
    }
}

#[test]
fn failure_at_once_is_repeated_once() {
    let rig = Rig::new();
    let failing: Faults = "status-500".parse().unwrap();
    rig.stub.fault_next(1, failing).unwrap();
    assert_eq!(rig.check().0, Some(0));
    rig.stub.fault_next(2, failing).unwrap();
    refused(&rig, 75, "server", "failed (500)");
    // Who fails late is overloaded, and who says 503 has no time.
    rig.stub.fault_next(1, "late,status-500".parse().unwrap()).unwrap();
    refused(&rig, 75, "server", "failed (500)");
    rig.stub.fault_next(1, "status-503".parse().unwrap()).unwrap();
    refused(&rig, 75, "server", "failed (503)");
    assert_eq!(rig.check().0, Some(0));
}

#[test]
fn log_in_of_a_proxy_is_no_app_rejection() {
    let rig = Rig::new();
    rig.stub.set_faults("proxy-log-in".parse().unwrap()).unwrap();
    let view =
        refused(&rig, 75, "server", "in the place of the auth service wants a log-in of its own (401)");
    assert!(view["fix"].as_str().unwrap().contains("without a log-in of its own"), "{view}");
    assert_eq!(view["source"], Value::Null, "{view}");
}

#[test]
fn stalled_server_is_given_up_within_the_timeout() {
    let rig = Rig::new();
    rig.configure("request_timeout_secs", 2);
    let silent = rude_server(|stream| {
        std::thread::sleep(PATIENCE);
        drop(stream);
    });
    for (scheme, said) in [("http", "did not answer in time"), ("https", "did not answer in TLS in time")] {
        rig.configure("auth_url", format!("{scheme}://{silent}"));
        let start = Instant::now();
        refused(&rig, 75, "server", said);
        assert!(start.elapsed() < PATIENCE, "{scheme}: {:?}", start.elapsed());
    }
}

#[test]
fn connection_never_made_is_network_trouble_at_any_timeout() {
    let rig = Rig::new();
    // A listener whose queue is full takes no connection and refuses none.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, core::time::Duration::from_millis(300)) {
        queued.push(stream);
        assert!(queued.len() < 20_000, "the queue never fills");
    }
    rig.configure("auth_url", format!("https://{address}"));
    for (connect, request) in [(1, 30), (2, 2), (5, 2)] {
        rig.configure("connect_timeout_secs", connect);
        rig.configure("request_timeout_secs", request);
        refused(&rig, 69, "network", "does not answer");
    }
}

#[test]
fn overlong_answer_is_reported_as_too_long() {
    let rig = Rig::new();
    for behave in [
        (|s| {
            let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(40_000));
            answer(s, head.as_bytes());
        }) as fn(TcpStream),
        |s| {
            let body = " ".repeat(40_000);
            answer(s, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        },
    ] {
        rig.configure("auth_url", format!("http://{}", rude_server(behave)));
        refused(&rig, 75, "server", "far too long");
    }
}

#[test]
fn answer_that_repeats_a_key_is_not_quoted() {
    let rig = Rig::new();
    let key = rig.stub.node().1.to_owned();
    let half = &key[..key.len() / 2];
    let hidden: String = key.chars().flat_map(|c| [c, '\u{200b}']).collect();
    let base64 = STANDARD.encode(format!("kitchen-pi:{key}"));
    let encoded: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let padded = format!("{}{key}", "x".repeat(170));
    for repeated in [&key, half, &hidden, &base64, &encoded, &padded] {
        let said = format!(r#"{{"valid":false,"reason":"cannot take '{repeated}'"}}"#);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", said.len());
        let bytes = (head + &said).into_bytes();
        let echo = rude_server(move |stream| answer(stream, &bytes));
        rig.configure("auth_url", format!("http://{echo}"));
        let view = refused(&rig, 77, "node-rejected", "not shown: the answer repeats a key");
        assert!(!view.to_string().contains(&key[..8]) && !view.to_string().contains(repeated), "{view}");
    }
    let location =
        format!("HTTP/1.1 302 Found\r\nlocation: https://{half}.example/\r\ncontent-length: 0\r\n\r\n");
    let echo = rude_server(move |stream| answer(stream, location.as_bytes()));
    rig.configure("auth_url", format!("http://{echo}"));
    let view = refused(&rig, 75, "server", "(302)");
    assert!(!view.to_string().to_lowercase().contains(&half[..8].to_lowercase()), "{view}");
}

#[test]
fn trickling_answer_is_cut_at_the_timeout() {
    let rig = Rig::new();
    rig.configure("request_timeout_secs", 2);
    let trickle = rude_server(|mut stream| {
        read_request(&mut stream);
        while std::io::Write::write_all(&mut stream, b"H").is_ok() {
            std::thread::sleep(core::time::Duration::from_millis(100));
        }
    });
    rig.configure("auth_url", format!("http://{trickle}"));
    let start = Instant::now();
    let (code, view) = rig.check();
    assert_eq!((code, view["outcome"].as_str()), (Some(75), Some("server")), "{view}");
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}
