//! Answers to an enrolment, byte for byte.

use std::fs;
use std::io::Write as _;

use test_support::process::feed;
use test_support::rig::Rig;
use test_support::rude::{answer, read_request, rude_command_center, rude_server};

use super::Row;
use super::answers::{bytes, named};

const SECTION: &str = "Enrolment";

type Given = (&'static str, &'static [&'static str], &'static str);

const ANSWERS: &[Given] = &[
    ("401 Unauthorized", &[], r#"{"detail":"Invalid or expired provisioning token"}"#),
    ("400 Bad Request", &[], r#"{"detail":"Node already registered"}"#),
    ("400 Bad Request", &[], r#"{"detail":"node_id already exists"}"#),
    ("404 Not Found", &[], r#"{"detail":"Household not found"}"#),
    ("502 Bad Gateway", &[], r#"{"detail":"Auth service unavailable: All connection attempts failed"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Auth service error: {\"detail\":\"Invalid app credentials\"}"}"#),
    ("422 Unprocessable Entity", &[], r#"{"detail":"Auth service error: {\"detail\":[]}"}"#),
    ("401 Unauthorized", &[], r#"{"detail":"Something new"}"#),
    ("401 Unauthorized", &[], r#"{"error":"unauthorized"}"#),
    ("400 Bad Request", &[], r#"{"detail":"There was an error parsing the body"}"#),
    ("400 Bad Request", &[], r#"{"error":"validation_error","details":["body -> node_id: too long"]}"#),
    ("429 Too Many Requests", &[], r#"{"detail":"Too many requests"}"#),
    ("413 Content Too Large", &[], ""),
    ("404 Not Found", &[], r#"{"detail":"Not Found"}"#),
    ("404 Not Found", &["Content-Type: text/plain"], "404 page not found\n"),
    ("302 Found", &["Location: https://portal.example/"], ""),
    ("307 Temporary Redirect", &["Location: /api/v0/nodes/register/"], ""),
    ("302 Found", &["Location: javascript:go()"], ""),
    ("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"home\""], ""),
    ("407 Proxy Authentication Required", &[], ""),
    ("511 Network Authentication Required", &[], ""),
    ("200 OK", &["Content-Type: text/html"], "<html>Log in</html>"),
    ("500 Internal Server Error", &["Content-Type: text/plain"], "Internal Server Error"),
    ("502 Bad Gateway", &["Content-Type: text/html"], "<html>502</html>"),
    ("503 Service Unavailable", &[], ""),
    ("201 Created", &[], "{}"),
    ("201 Created", &["Content-Encoding: gzip"], "compressed"),
    ("202 Accepted", &[], r#"{"status":"pending"}"#),
    ("201 Created", &[], r#"{"node_id":"cellar-pi","node_key":"k"}"#),
    ("400 Bad Request", &[], "The plain HTTP request was sent to HTTPS port"),
    (
        "400 Bad Request",
        &["Content-Type: text/html"],
        "<title>400 No required SSL certificate was sent</title>",
    ),
    ("400 Bad Request", &["Content-Type: text/plain"], "Invalid host header"),
    ("400 Bad Request", &["Content-Type: text/plain"], "400: Bad Request"),
    ("401 Unauthorized", &["Content-Type: text/plain"], "401: Unauthorized"),
    ("403 Forbidden", &["Content-Type: text/plain"], "error code: 1020"),
    ("403 Forbidden", &[], r#"{"message":"Forbidden"}"#),
    ("429 Too Many Requests", &["Content-Type: text/html"], "<title>429 Too Many Requests</title>"),
    ("521 ", &["Content-Type: text/plain"], "error code: 521"),
    ("524 ", &["Content-Type: text/plain"], "error code: 524"),
];

pub(super) fn rows() -> Vec<Row> {
    let rig = Rig::new();
    fs::remove_file(rig.path("credential.json")).unwrap();
    // Behind what it does, and the program's name, which is not part of the sentence.
    let said = |err: &str| err.trim().rsplit("jarvis-node: ").next().unwrap_or_default().to_owned();
    let enroll = |cause: String, url: String, token: &str| {
        let mut command = rig.command("enroll");
        let (code, _, err) = feed(command.args(["--url", &url, "--node-id", "attic-pi"]), token);
        Row::new(SECTION, cause, format!("exit code {}", code.unwrap()), &said(&err), "")
    };
    let mut rows: Vec<_> = ANSWERS
        .iter()
        .map(|given| {
            let bytes = bytes(given);
            let server = rude_server(move |stream| answer(stream, bytes));
            enroll(named(given), format!("http://{server}"), "prov_x")
        })
        .collect();
    let cut = rude_command_center(drop);
    rows.push(enroll("the connection is closed after the request".into(), format!("http://{cut}"), "prov_x"));
    let silent = rude_server(|stream| drop(std::io::copy(&mut &stream, &mut std::io::sink())));
    rig.edit(|config| drop(config.insert("request_timeout_secs".into(), 2.into())));
    rows.push(enroll(
        "https:// at a port that accepts and says nothing".into(),
        format!("https://{silent}"),
        "prov_x",
    ));
    rows.push(enroll("nothing listens at --url".into(), "http://127.0.0.1:1".into(), "prov_x"));
    rows.push(enroll("--url is plain HTTP".into(), "http://192.0.2.1".into(), "prov_x"));
    rows.push(enroll("the token is two words".into(), "http://127.0.0.1:1".into(), "two words"));
    let quoted = "the token in quotes";
    rows.push(enroll(quoted.into(), "http://127.0.0.1:1".into(), "\"prov_x\""));
    rows.push(enroll("the token is another secret".into(), "http://127.0.0.1:1".into(), "s3cret"));
    // A database that was restarted, and a command center that had registered the node before it failed.
    let first = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (failed, refused) = (
        bytes(&("500 Internal Server Error", &[], "Internal Server Error")),
        bytes(&("400 Bad Request", &[], r#"{"detail":"node_id already exists"}"#)),
    );
    let forgetful = rude_command_center(move |mut stream| {
        let is_first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        stream.write_all(if is_first { failed } else { refused }).unwrap();
    });
    let cause = "500 at once, and `node_id already exists` to the repeat".into();
    rows.push(enroll(cause, format!("http://{forgetful}"), "prov_x"));
    for (cause, listed) in [
        ("a config service that lists nothing", "[]"),
        ("one that lists no command center", r#"{"services":[]}"#),
        (
            "one whose command center is not one of HTTP",
            r#"{"services":[{"name":"jarvis-command-center","url":"mqtt://192.0.2.10:1884"}]}"#,
        ),
    ] {
        let registry = rude_server(move |mut stream| {
            let is_info = read_request(&mut stream).starts_with("GET /info ");
            let body = if is_info { r#"{"service":"jarvis-config-service"}"# } else { listed };
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        rows.push(enroll(cause.into(), format!("http://{registry}"), "prov_x"));
    }
    rows.extend(written_places(&rig, &said));
    let broken = rig.path("config.json");
    let kept = fs::read(&broken).unwrap();
    fs::write(&broken, "{").unwrap();
    rows.push(enroll("the configuration cannot be used".into(), "http://127.0.0.1:1".into(), "prov_x"));
    fs::write(&broken, kept).unwrap();
    let mut command = rig.command("enroll");
    let (code, _, err) = feed(command.args(["--url", "http://127.0.0.1:1", "--node-id", "prov_x"]), "prov_x");
    rows.push(Row::new(
        SECTION,
        "--node-id is a token",
        format!("exit code {}", code.unwrap()),
        &said(&err),
        "",
    ));
    rig.configure("credential_file", "/proc/nowhere/credential.json");
    rows.push(enroll("the credential cannot be stored".into(), "http://127.0.0.1:1".into(), "prov_x"));
    let rig = Rig::new();
    let mut command = rig.command("enroll");
    let (code, _, err) =
        feed(command.args(["--url", rig.stub.command_center_url(), "--node-id", "attic-pi"]), "prov_x");
    let outcome = format!("exit code {}", code.unwrap());
    rows.push(Row::new(SECTION, "a credential is in use", outcome, &said(&err), ""));
    rows
}

/// What is wrong with a place that is to be written, and a node without a name.
fn written_places(rig: &Rig, said: &dyn Fn(&str) -> String) -> Vec<Row> {
    fs::write(rig.path("other.json"), r#"{"node_id":"cellar-pi","api_key":"k"}"#).unwrap();
    fs::write(rig.path("cut.json"), r#"{"node_id":"#).unwrap();
    fs::write(rig.path("twice.json"), r#"{"api_key":"a","api_key":"b"}"#).unwrap();
    fs::write(rig.path("latin.json"), b"{\"a\":\"caf\xe9\"}").unwrap();
    std::os::unix::fs::symlink(rig.path("other.json"), rig.path("link.json")).unwrap();
    let url = rig.stub.command_center_url();
    let file = |name: &str| rig.path(name).to_str().unwrap().to_owned();
    let voice = |name: &str| vec!["--node-id".into(), "attic-pi".into(), "--write-config".into(), file(name)];
    let causes = [
        ("the voice node is another", voice("other.json")),
        ("the voice node's file is cut off", voice("cut.json")),
        ("it has the key twice", voice("twice.json")),
        ("it is not in UTF-8", voice("latin.json")),
        ("it is a link", voice("link.json")),
        ("it is not there", voice("nowhere.json")),
        ("a token, and no --node-id", Vec::new()),
        (
            "no configuration, and none can be written",
            ["--node-id", "attic-pi", "--config", "/proc/nowhere/jarvis.json"].map(str::to_owned).to_vec(),
        ),
    ];
    let told = causes.map(|(cause, options)| {
        let mut command = rig.command("enroll");
        if options.iter().any(|option| option == "--config") {
            command = std::process::Command::new(test_support::binaries::jarvis_node());
            command.arg("enroll");
        }
        let (code, _, err) = feed(command.args(["--url", url]).args(options), "prov_x");
        Row::new(SECTION, cause, format!("exit code {}", code.unwrap()), &said(&err), "")
    });
    told.into()
}
