use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::request::Request;
use super::*;

const PHONE: [u8; 4] = [192, 0, 2, 7];
const OTHER: [u8; 4] = [192, 0, 2, 8];

/// What a phone sends, as a request read from bytes.
fn request(method: &str, path: &str, body: &Value) -> Request {
    let whole = text(method, path, &body.to_string());
    for cut in 0..whole.len() {
        assert!(
            matches!(super::request::read(&whole.as_bytes()[..cut]), Ok(None))
                || !path.starts_with("provision"),
            "{cut}"
        );
    }
    super::request::read(whole.as_bytes()).expect("sound").expect("whole")
}

fn text(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn provision() -> Value {
    json!({
        "wifi_ssid": "home", "wifi_password": "c4nary-password", "room": "kitchen", "household_id": "h",
        "command_center_url": "http://192.0.2.10:7703", "config_service_url": null,
        "node_id": "kitchen-pi", "provisioning_token": "prov_token",
    })
}

fn said(session: &mut Session, from: [u8; 4], request: &Request) -> (Value, Option<Provisioning>) {
    let (answer, provisioning) = session.answer(request, IpAddr::from(from));
    let text = std::str::from_utf8(answer.bytes()).expect("text");
    let (_, body) = text.split_once("\r\n\r\n").expect("a body");
    (serde_json::from_str(body).expect("JSON"), provisioning)
}

#[test]
fn session_answers_the_calls_of_the_app_in_turn() {
    let mut session = Session::new(None, true);
    let get = |path: &str| request("GET", path, &Value::Null);
    let (info, _) = said(&mut session, PHONE, &get("info"));
    assert_eq!((&info["state"], &info["previously_provisioned"]), (&json!("AP_MODE"), &json!(false)));
    assert!(info["node_id"].as_str().is_some_and(|id| id.starts_with("jarvis-")), "{info}");
    let (networks, _) = said(&mut session, PHONE, &get("scan-networks"));
    assert_eq!(networks["networks"].as_array().map(Vec::len), Some(1), "an empty list stops the app");
    let k2 = json!({ "node_id": "kitchen-pi", "kid": "k2-2026", "k2": "c4nary-key", "created_at": "2026-11-27T00:00:00Z" });
    let (k2, _) = said(&mut session, PHONE, &request("POST", "provision/k2", &k2));
    assert_eq!(k2, json!({ "success": true, "node_id": "kitchen-pi", "kid": "k2-2026", "error": null }));
    let (answer, provisioning) = said(&mut session, PHONE, &request("POST", "provision", &provision()));
    assert_eq!(answer["success"], true);
    let provisioning = provisioning.expect("accepted");
    assert_eq!(
        (provisioning.command_center.as_str(), provisioning.node_id.as_str(), provisioning.room.as_deref()),
        ("http://192.0.2.10:7703", "kitchen-pi", Some("kitchen"))
    );
    assert_eq!(provisioning.token.as_str(), "prov_token");
    assert_eq!(said(&mut session, PHONE, &get("status")).0["state"], "REGISTERING");
    let (again, none) = said(&mut session, PHONE, &request("POST", "provision", &provision()));
    assert_eq!((&again["success"], none.is_none()), (&json!(false), true));
    session.stage = Stage::Failed("the token is used up".into());
    let (status, _) = said(&mut session, PHONE, &get("status"));
    assert_eq!((&status["state"], &status["error"]), (&json!("ERROR"), &json!("the token is used up")));
    assert!(
        said(&mut session, PHONE, &request("POST", "provision", &provision())).1.is_some(),
        "it may try again"
    );
    session.stage = Stage::Paired(NodeId::parse("kitchen-pi").expect("an id").into(), String::new());
    assert_eq!(said(&mut session, PHONE, &get("status")).0["progress_percent"], 100);
}

#[test]
fn second_phone_is_refused_with_the_reason() {
    let mut session = Session::new(None, true);
    let reset = request("POST", "factory-reset", &json!({}));
    let (answer, _) = said(&mut session, OTHER, &reset);
    assert!(answer["error"].as_str().is_some_and(|why| why.contains("at the board")), "{answer}");
    let k2 = request("POST", "provision/k2", &json!({ "node_id": "a", "kid": "b" }));
    assert_eq!(said(&mut session, PHONE, &k2).0["success"], true);
    let (answer, none) = said(&mut session, OTHER, &request("POST", "provision", &provision()));
    assert!(
        none.is_none() && answer["message"].as_str().is_some_and(|why| why.contains("another phone")),
        "{answer}"
    );
    assert_eq!(said(&mut session, OTHER, &k2).0["success"], false);
    assert!(said(&mut session, PHONE, &request("POST", "provision", &provision())).1.is_some());
}

#[test]
fn unfit_provisioning_is_refused_with_its_reason() {
    for (field, value, told) in [
        ("node_id", json!(""), "node_id"),
        ("node_id", Value::Null, "node_id"),
        ("provisioning_token", json!("a-password"), "no provisioning token"),
        ("provisioning_token", Value::Null, "is missing"),
        ("command_center_url", json!("nonsense"), "must begin with https://"),
        ("command_center_url", Value::Null, "command_center_url"),
        ("command_center_url", json!("http://localhost:7703"), "leads each machine to itself (localhost)"),
        ("command_center_url", json!("http://0.0.0.0:7703"), "leads each machine to itself"),
        ("config_service_url", json!("http://[::1]:7700"), "config_service_url leads"),
        ("config_service_url", json!("ftp://a.home"), "config_service_url must"),
    ] {
        let mut session = Session::new(None, true);
        let mut form = provision();
        form[field] = value;
        let (answer, none) = said(&mut session, PHONE, &request("POST", "provision", &form));
        let message = answer["message"].as_str().expect("text");
        assert!(none.is_none() && message.contains(told) && !message.contains("a-password"), "{message}");
    }
    let plain = request("POST", "provision", &provision());
    let (answer, none) = said(&mut Session::new(None, false), PHONE, &plain);
    assert!(
        none.is_none() && answer["message"].as_str().is_some_and(|why| why.contains("--allow-http")),
        "{answer}"
    );
    let mut here = provision();
    here["command_center_url"] = json!("http://127.0.0.1:7703");
    let mut session = Session::new(None, false);
    assert!(
        said(&mut session, [127, 0, 0, 1], &request("POST", "provision", &here)).1.is_some(),
        "a simulated phone"
    );
}

/// A door on a port of its own, and what a served session comes to.
fn served(
    limit: Duration,
    enroll: &(dyn Fn(Provisioning) -> Enrolled + Sync),
    phone: impl FnOnce(SocketAddr) + Send,
) -> Result<String, PairError> {
    let door = Door::open((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let address = door.address().expect("an address");
    thread::scope(|scope| {
        scope.spawn(move || phone(address));
        serve(door, Session::new(None, true), limit, enroll, &mut |_| None)
    })
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connected");
    // A server that has seen enough may stop reading.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn time_over_ends_with_the_last_failure() {
    let none = |_| panic!("nobody asked");
    let ended = served(Duration::from_millis(20), &none, |_| {}).expect_err("time is over");
    assert!(matches!(ended, PairError::TimeOver(_, None)) && ended.exit_code() == 75, "{ended}");
    let told = PairError::TimeOver(Duration::from_secs(600), Some("it is used up".into())).to_string();
    assert_eq!(told, "no phone has paired this node within 10 minutes; the last try failed: it is used up");
}

#[test]
fn light_is_set_whenever_it_is_due() {
    let door = Door::open(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let nobody = |_| -> Enrolled { unreachable!("no phone comes") };
    let mut changes = 0;
    // Every edge of the pattern is a wake-up of its own; without them the loop would sleep until the time is over.
    let mut light = |now: Instant| {
        changes += 1;
        (changes < 20).then(|| now + Duration::from_millis(1))
    };
    let limit = Duration::from_millis(200);
    let ended = serve(door, Session::new(None, true), limit, &nobody, &mut light);
    assert!(matches!(ended, Err(PairError::TimeOver(..))), "{ended:?}");
    assert!(changes >= 20, "{changes}");
}

#[test]
fn failed_enrolment_may_be_tried_again() {
    let tries = AtomicU32::new(0);
    let seen = Mutex::new(Vec::new());
    let enroll = |provisioning: Provisioning| {
        seen.lock().expect("sound").push(provisioning.node_id.clone());
        match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(EnrollError::Refused("its reason".into())),
            _ => Ok((NodeId::parse(&provisioning.node_id).expect("an id"), "paired".into())),
        }
    };
    let phone = |address| {
        let provision =
            text("POST", "provision", &provision().to_string().replace("192.0.2.10", "127.0.0.1"));
        assert!(ask(address, &provision).contains("\"success\":true"));
        while !ask(address, &text("GET", "status", "")).contains("its reason") {}
        assert!(ask(address, &provision).contains("\"success\":true"));
        while !ask(address, &text("GET", "status", "")).contains("PROVISIONED") {}
    };
    let paired = served(Duration::from_secs(120), &enroll, phone).expect("paired");
    assert_eq!(paired, "paired");
    assert_eq!(seen.lock().expect("sound").len(), 2);
}

#[test]
fn hostile_peers_hold_nobody_up() {
    let enroll = |provisioning: Provisioning| {
        Ok((NodeId::parse(&provisioning.node_id).expect("an id"), "paired".into()))
    };
    let phone = |address| {
        let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(address).expect("connected")).collect();
        let slow: Vec<_> = (0..20)
            .map(|_| {
                let mut stream = TcpStream::connect(address).expect("connected");
                stream.write_all(b"POST /api/v1/provision HT").expect("sent");
                stream
            })
            .collect();
        let large = format!(
            "{}{}",
            text("POST", "provision", "").replace("Length: 0", "Length: 1000000"),
            "x".repeat(1_000_000)
        );
        assert!(ask(address, &large).starts_with("HTTP/1.1 413 "));
        assert!(
            ask(address, &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000))).starts_with("HTTP/1.1 431 ")
        );
        for body in ["", "[]", "{", "{\"node_id\":1}", "\u{0}", &"[".repeat(9000)] {
            let answer = ask(address, &text("POST", "provision", body));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{body}: {answer}");
        }
        for (wrong, status) in [
            (text("GET", "provision", ""), 405),
            (text("POST", "info", ""), 405),
            (text("GET", "nothing", ""), 404),
            ("GET / HTTP/1.1\r\n\r\n".into(), 404),
            (text("POST", "factory-reset", "").replace("Host", "Origin"), 403),
            ("\u{16}\u{3}\u{1}\u{0}".into(), 400),
        ] {
            let answer = ask(address, &wrong);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{wrong}: {answer}");
        }
        drop((idle, slow));
        let provision = provision().to_string().replace("192.0.2.10", "127.0.0.1");
        assert!(ask(address, &text("POST", "provision", &provision)).contains("\"success\":true"));
    };
    assert_eq!(served(Duration::from_secs(120), &enroll, phone).expect("paired"), "paired");
}

#[test]
fn file_that_stands_for_somebody_counts_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("jarvis-pair");
    assert!(matches!(presence::prove(Some(&file)), Err(PairError::NobodyThere)));
    std::fs::write(&file, "").expect("written");
    presence::prove(Some(&file)).expect("somebody is there");
    assert!(matches!(presence::prove(Some(&file)), Err(PairError::NobodyThere)));
    std::fs::create_dir(&file).expect("a folder");
    assert!(matches!(presence::prove(Some(&file)), Err(PairError::FileStays(..))));
}
