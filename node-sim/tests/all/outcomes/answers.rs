//! Answers to a validation, by an app and through the command center, byte for byte; and connections that give none.

use std::net::TcpStream;

use serde_json::json;
use test_support::rig::Rig;
use test_support::rude::{answer, read_request, rude_server, silent_server};

use super::Row;

const APP: &str = "An app asks the auth service";
const VIA: &str = "Through the command center";
const LOGS: &str = "Through the logs";
const CONNECTION: &str = "Connections";

/// Status, header fields and body.
type Given = (&'static str, &'static [&'static str], &'static str);

const HTML: &str = "<html><body>Log in</body></html>";
const JSON_404: &str = r#"{"detail":"Not Found"}"#;
const TEXT: &[&str] = &["Content-Type: text/plain; charset=utf-8"];
const HTML_TYPE: &[&str] = &["Content-Type: text/html"];
const BASIC: &[&str] = &["WWW-Authenticate: Basic realm=\"home\""];

/// What any of the two may be answered by whatever is there.
const BY_ANYBODY: &[Given] = &[
    ("200 OK", &["Content-Type: text/html"], HTML),
    ("200 OK", &[], ""),
    ("200 OK", &["Content-Encoding: gzip"], "compressed"),
    ("200 OK", &[], r#"{"status":"degraded"}"#),
    ("201 Created", &[], "{}"),
    ("204 No Content", &[], ""),
    ("301 Moved Permanently", &["Location: https://auth.example/internal/validate-node"], ""),
    ("307 Temporary Redirect", &["Location: /internal/validate-node"], ""),
    ("302 Found", &["Location: javascript:go()"], ""),
    ("400 Bad Request", &[], r#"{"detail":"There was an error parsing the body"}"#),
    ("401 Unauthorized", BASIC, HTML),
    ("401 Unauthorized", BASIC, ""),
    ("403 Forbidden", &["Content-Type: text/html"], HTML),
    ("404 Not Found", &[], JSON_404),
    ("404 Not Found", &["Content-Type: text/plain"], "404 page not found\n"),
    ("404 Not Found", &["Content-Type: text/html"], HTML),
    ("405 Method Not Allowed", &["Allow: GET"], "Method Not Allowed\n"),
    ("407 Proxy Authentication Required", &[], ""),
    ("408 Request Timeout", &[], ""),
    ("413 Content Too Large", &[], r#"{"detail":"Request body too large"}"#),
    ("418 I'm a teapot", &[], ""),
    ("422 Unprocessable Entity", &[], r#"{"detail":[]}"#),
    ("429 Too Many Requests", &["Retry-After: 60"], ""),
    ("431 Request Header Fields Too Large", &[], ""),
    ("500 Internal Server Error", &["Content-Type: text/plain"], "Internal Server Error"),
    ("502 Bad Gateway", &["Content-Type: text/html"], HTML),
    ("503 Service Unavailable", &[], ""),
    ("504 Gateway Timeout", &[], ""),
    ("511 Network Authentication Required", &["Content-Type: text/html"], HTML),
    ("530 Tunnel Error", &["Content-Type: text/html"], HTML),
];

/// What well-known proxies, tunnels and frameworks say in a service's place, to either of the two.
const BY_OTHERS: &[Given] = &[
    // nginx
    ("400 Bad Request", HTML_TYPE, "<title>400 No required SSL certificate was sent</title>"),
    ("400 Bad Request", HTML_TYPE, "<title>400 The SSL certificate error</title>"),
    ("400 Bad Request", HTML_TYPE, "<title>400 The plain HTTP request was sent to HTTPS port</title>"),
    ("400 Bad Request", HTML_TYPE, "<title>400 Request Header Or Cookie Too Large</title>"),
    ("400 Bad Request", HTML_TYPE, "<title>400 Bad Request</title>"),
    ("413 Request Entity Too Large", HTML_TYPE, "<title>413 Request Entity Too Large</title>"),
    ("421 Misdirected Request", HTML_TYPE, "<title>421 Misdirected Request</title>"),
    ("429 Too Many Requests", HTML_TYPE, "<title>429 Too Many Requests</title>"),
    ("503 Service Temporarily Unavailable", HTML_TYPE, "<title>503 Service Temporarily Unavailable</title>"),
    // Go: Caddy, Traefik, cloudflared, Tailscale
    ("400 Bad Request", TEXT, "Client sent an HTTP request to an HTTPS server.\n"),
    ("400 Bad Request", TEXT, "400 Bad Request: missing required Host header"),
    ("421 Misdirected Request", TEXT, ""),
    ("502 Bad Gateway", TEXT, "Bad Gateway"),
    ("503 Service Unavailable", TEXT, "no available server\n"),
    ("404 Not Found", TEXT, "404 page not found\n"),
    // HAProxy
    (
        "400 Bad request",
        HTML_TYPE,
        "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>",
    ),
    ("408 Request Time-out", HTML_TYPE, "<html><body><h1>408 Request Time-out</h1>\n</body></html>"),
    (
        "503 Service Unavailable",
        HTML_TYPE,
        "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>",
    ),
    // Apache
    (
        "400 Bad Request",
        HTML_TYPE,
        "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.\n Instead use the HTTPS scheme to access this URL, please.</p>",
    ),
    ("503 Service Unavailable", HTML_TYPE, "<title>503 Service Unavailable</title>"),
    // Cloudflare
    ("403 Forbidden", TEXT, "error code: 1003"),
    ("403 Forbidden", TEXT, "error code: 1020"),
    ("429 Too Many Requests", TEXT, "error code: 1015"),
    ("521 ", TEXT, "error code: 521"),
    ("522 ", TEXT, "error code: 522"),
    ("525 ", TEXT, "error code: 525"),
    ("526 ", TEXT, "error code: 526"),
    ("527 ", TEXT, "error code: 527"),
    ("530 ", TEXT, "error code: 1033"),
    // Envoy
    ("404 Not Found", &["Server: envoy"], ""),
    ("503 Service Unavailable", TEXT, "no healthy upstream"),
    // AWS, Kong
    ("504 Gateway Time-out", HTML_TYPE, "<title>504 Gateway Time-out</title>"),
    ("403 Forbidden", &["Content-Type: application/json"], r#"{"message":"Forbidden"}"#),
    (
        "404 Not Found",
        &["Content-Type: application/json"],
        r#"{"message":"no Route matched with those values"}"#,
    ),
    // Home Assistant, Starlette, Django
    ("400 Bad Request", TEXT, "400: Bad Request"),
    ("401 Unauthorized", TEXT, "401: Unauthorized"),
    ("502 Bad Gateway", TEXT, "502: Bad Gateway"),
    ("400 Bad Request", TEXT, "Invalid host header"),
    ("400 Bad Request", HTML_TYPE, "<h1>Bad Request (400)</h1>"),
];

const BY_THE_AUTH_SERVICE: &[Given] = &[
    ("200 OK", &[], r#"{"valid":true,"node_id":"kitchen-pi"}"#),
    ("200 OK", &[], r#"{"valid":true,"node_id":"attic-pi"}"#),
    ("200 OK", &[], r#"{"valid":true}"#),
    ("200 OK", &[], r#"{"valid":false,"reason":"Node not found"}"#),
    ("200 OK", &[], r#"{"valid":false,"reason":"Node is inactive"}"#),
    ("200 OK", &[], r#"{"valid":false,"reason":"Invalid node credentials"}"#),
    ("200 OK", &[], r#"{"valid":false,"reason":"Node is not authorized to access service 'x'"}"#),
    ("200 OK", &[], r#"{"valid":false,"reason":"Out of order"}"#),
    ("200 OK", &[], r#"{"valid":false}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Invalid app credentials"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Missing app credentials"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Not authenticated"}"#),
    ("401 Unauthorized", &[], r#"{"message":"No API key found in request"}"#),
    ("403 Forbidden", &["Content-Type: text/plain"], "RBAC: access denied"),
];

const BY_THE_COMMAND_CENTER: &[Given] = &[
    ("200 OK", &[], r#"{"username":null,"password":null}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Node not found"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Node is inactive"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Invalid node credentials"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Node is not authorized to access service 'x'"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Auth service unavailable: timed out"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Auth service error: 500"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Invalid response from auth service: Expecting value"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Node not configured locally"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Invalid API Key"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Something new"}"#),
];

const BY_THE_LOGS: &[Given] = &[
    ("204 No Content", &[], ""),
    ("200 OK", &[], "{}"),
    ("401 Unauthorized", &[], r#"{"detail":"Missing node credentials"}"#),
    ("403 Forbidden", &[], r#"{"detail":"Node not found"}"#),
    ("403 Forbidden", &[], r#"{"detail":"Node is not authorized to access service 'jarvis-logs'"}"#),
    ("403 Forbidden", &[], r#"{"detail":"Auth service unavailable: timed out"}"#),
    ("403 Forbidden", &[], r#"{"detail":"Something new"}"#),
    ("403 Forbidden", HTML_TYPE, HTML),
    ("404 Not Found", &[], JSON_404),
];

/// The bytes of an answer.
pub(crate) fn bytes(&(status, headers, body): &Given) -> &'static [u8] {
    let fields: String = headers.iter().map(|field| format!("{field}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
        .leak()
}

/// The answer in words.
pub(crate) fn named(&(status, headers, body): &Given) -> String {
    let parts = headers.iter().chain([&body]).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.map(|part| format!("`{}`", part.trim())).collect();
    format!("{status}{}{}", if parts.is_empty() { "" } else { ": " }, parts.join(", "))
}

pub(super) fn asks_the_command_center(rig: &Rig, url: &str) {
    asks_via(rig, "command_center", url);
}

pub(super) fn asks_the_logs(rig: &Rig, url: &str) {
    asks_via(rig, "logs", url);
}

fn asks_via(rig: &Rig, service: &str, url: &str) {
    rig.edit(|config| {
        for of_the_app in ["auth_url", "service_id", "app_id", "app_key_file"] {
            config.remove(of_the_app);
        }
        config.insert("via".into(), json!({ service: url }));
    });
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let rig = Rig::new();
    for given in BY_THE_AUTH_SERVICE.iter().chain(BY_ANYBODY).chain(BY_OTHERS) {
        let bytes = bytes(given);
        rig.configure("auth_url", format!("http://{}", rude_server(move |stream| answer(stream, bytes))));
        rows.push(Row::of_check(APP, named(given), &rig.check().1));
    }
    let rig = Rig::new();
    for given in BY_THE_COMMAND_CENTER.iter().chain(BY_ANYBODY).chain(BY_OTHERS) {
        let bytes = bytes(given);
        let server = rude_server(move |stream| answer(stream, bytes));
        asks_the_command_center(&rig, &format!("http://{server}"));
        rows.push(Row::of_check(VIA, named(given), &rig.check().1));
    }
    for given in BY_THE_LOGS {
        let bytes = bytes(given);
        asks_the_logs(&rig, &format!("http://{}", rude_server(move |stream| answer(stream, bytes))));
        rows.push(Row::of_check(LOGS, named(given), &rig.check().1));
    }
    rows.extend(connections());
    rows
}

fn connections() -> Vec<Row> {
    let rig = Rig::new();
    let mut rows = Vec::new();
    let mut add = |cause: &str, url: String| {
        rig.configure("auth_url", url);
        rows.push(Row::of_check(CONNECTION, cause, &rig.check().1));
    };
    add("nothing listens at the port", "http://127.0.0.1:1".into());
    let behaves = |behave: fn(TcpStream)| format!("http://{}", rude_server(behave));
    add("the connection is closed after the request", behaves(|mut stream| drop(read_request(&mut stream))));
    add("another protocol answers", behaves(|stream| answer(stream, b"SSH-2.0-OpenSSH_9.2\r\n\r\n")));
    add(
        "the answer never ends",
        behaves(|mut stream| {
            read_request(&mut stream);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            while std::io::Write::write_all(&mut stream, &[b' '; 4096]).is_ok() {}
        }),
    );
    add(
        "a TLS port, spoken to in plain HTTP: an alert",
        behaves(|stream| answer(stream, &[21, 3, 3, 0, 2, 2, 50])),
    );
    rig.configure("request_timeout_secs", 2);
    let silent = format!("http://{}", silent_server());
    rig.configure("auth_url", silent);
    rows.push(Row::of_check(CONNECTION, "the request is taken and not answered", &rig.check().1));
    rows
}
