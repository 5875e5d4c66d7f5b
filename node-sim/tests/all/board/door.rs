//! Requests that are refused for their origin, host, type or method.

use serde_json::json;

use super::rig;
use crate::node_sim;

#[test]
fn foreign_origin_or_host_is_refused() {
    let board = rig::start();
    let port = board.host.split_once(':').unwrap().1.to_owned();
    let command = json!({"control": "power", "value": "pull"}).to_string();
    for host in
        ["evil.example".to_owned(), format!("evil.example:{port}"), format!("127.0.0.1.evil.example:{port}")]
    {
        for path in ["/", "/state", "/events", "/faults"] {
            let answer = board.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}"), "");
            assert_eq!(answer.status, 403, "{host}{path}");
        }
        let head = format!(
            "POST /do HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/json"
        );
        assert_eq!(board.ask(&head, &command).status, 403, "{host}");
    }
    let to_the_board = "POST /do HTTP/1.1\r\nHost: HOST";
    for origin in
        ["http://evil.example", "https://HOST", "null", "http://127.0.0.1", "http://HOST.evil.example"]
    {
        let head = format!("{to_the_board}\r\nOrigin: {origin}\r\nContent-Type: application/json");
        assert_eq!(board.ask(&head, &command).status, 403, "{origin}");
        assert_eq!(
            board.ask(&format!("GET /state HTTP/1.1\r\nHost: HOST\r\nOrigin: {origin}"), "").status,
            403
        );
    }
    assert_eq!(board.ask(&format!("{to_the_board}\r\nContent-Type: application/json"), &command).status, 403);
    for content in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let head = format!("{to_the_board}\r\nOrigin: http://HOST\r\nContent-Type: {content}");
        assert_eq!(board.ask(&head, &command).status, 415, "{content}");
    }
    assert_eq!(board.ask(&format!("{to_the_board}\r\nOrigin: http://HOST"), &command).status, 415);
    assert_eq!(board.ask("GET /do HTTP/1.1\r\nHost: HOST", "").status, 405);
    assert_eq!(board.state()["node"]["powered"], true, "none of them did anything");
}

#[test]
fn own_host_names_are_accepted() {
    let board = rig::start();
    let port = board.host.split_once(':').unwrap().1.to_owned();
    // The last is what a browser at the other end of `ssh -L` says.
    for host in [format!("localhost:{port}"), format!("[::1]:{port}"), "localhost:9".to_owned()] {
        let head = format!(
            "POST /do HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/json"
        );
        assert_eq!(board.ask(&head, r#"{"control":"reload","value":null}"#).status, 200, "{host}");
    }
}

#[test]
fn every_answer_carries_the_security_headers() {
    let board = rig::start();
    for (path, status) in [("/", 200), ("/state", 200), ("/faults", 200), ("/none", 404)] {
        let answer = board.get(path);
        assert_eq!(answer.status, status, "{path}");
        let head = answer.head.to_ascii_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'sha256-",
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(header), "{path}: {header} is not in {head}");
        }
        assert!(!head.contains("access-control-allow"), "{head}");
    }
    assert!(board.get("/").body.contains("<script>"));
}

#[test]
fn board_listens_on_loopback_only() {
    for listen in ["0.0.0.0:0", "192.0.2.1:7799", "[::]:0", "[2001:db8::1]:0"] {
        let output = node_sim(&["board", "--no-open", "--listen", listen]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{listen}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("this machine only"), "{listen}");
    }
    let board = rig::run(&["--listen", "127.0.0.2:0"]);
    assert!(board.host.starts_with("127.0.0.2:"), "{}", board.host);
    assert_eq!(board.get("/state").status, 200);
}
