use std::fs;

use super::*;

fn asked(method: &str, url: &str) -> ServiceRequest {
    ServiceRequest {
        method: method.into(),
        url: url.into(),
        audience: "gw".into(),
        scope: None,
        data: None,
        content_type: None,
        // No broker is asked before everything else has been checked.
        socket: Some("/nowhere/node.sock".into()),
        ca_file: None,
    }
}

fn configuration(dir: &Path) -> PathBuf {
    let path = dir.join("config.json");
    let config = r#"{"auth_url": "https://auth.home:7701/jarvis", "service_id": "s", "app_id": "a",
        "app_key_file": "a.key", "credential_file": "c.json", "state_file": "state.json"}"#;
    fs::write(&path, config).expect("written");
    path
}

fn failure(request: &ServiceRequest, config: &Path) -> (u8, String) {
    let mut out = Vec::new();
    let error = super::request(request, config, io::empty(), &mut |_| (), &mut out).expect_err("not done");
    assert!(out.is_empty());
    (error.exit_code(), error.to_string())
}

#[test]
fn token_goes_neither_to_the_auth_service_nor_in_the_clear() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = configuration(dir.path());
    for (url, why) in [
        ("https://auth.home:7701/v1/runs?x=1", "no token may go to"),
        ("https://AUTH.home.:7701", "no token may go to"),
        ("http://auth.home:7701/", "plain HTTP"),
        ("http://gw.home/v1/runs", "plain HTTP"),
        ("http://192.0.2.1/", "plain HTTP"),
        ("http://127.0.0.1.evil.example/", "plain HTTP"),
        ("https://user:pw@gw.home/", "must not hold a user name"),
        ("ftp://gw.home/", "must begin with https://"),
        ("gw.home", "must begin with https://"),
        ("/v1/runs", "the address"),
        ("https://gw.home/a b", "URL"),
    ] {
        let (code, told) = failure(&asked("GET", url), &config);
        assert_eq!(code, 64, "{url}: {told}");
        assert!(told.contains(why), "{url}: {told}");
    }
    // Another port is another service: now it is the token that is missing.
    for url in ["https://auth.home/v1/runs", "http://localhost:7701/", "http://[::1]/"] {
        let (code, told) = failure(&asked("GET", url), &config);
        assert_eq!(code, 69, "{url}: {told}");
        assert!(told.contains("nobody gives out tokens at /nowhere/node.sock"), "{told}");
    }
}

#[test]
fn token_goes_to_no_spelling_of_the_auth_service() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = configuration(dir.path());
    let config = fs::read_to_string(&path).expect("there").replace("auth.home", "localhost");
    fs::write(&path, config).expect("written");
    for url in [
        "http://127.0.0.1:7701/",
        "https://LOCALHOST.:7701/",
        "https://[::1]:7701/x",
        "http://localhost:7701/",
    ] {
        let (code, told) = failure(&asked("GET", url), &path);
        assert!(code == 64 && told.contains("no token may go to"), "{url}: {code} {told}");
    }
}

#[test]
fn request_without_configuration_needs_a_ca() {
    let dir = tempfile::tempdir().expect("a folder");
    let missing = dir.path().join("config.json");
    let mut request = asked("GET", "https://gw.home/");
    let (code, text) = failure(&request, &missing);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("--ca FILE"), "{text}");
    request.ca_file = Some(dir.path().join("ca.pem"));
    let (code, text) = failure(&request, &missing);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains("ca.pem"), "{text}");
}

#[test]
fn request_before_the_clock_is_set_is_not_sent_over_tls() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = configuration(dir.path());
    let state = dir.path().join("state.json");
    fs::write(state, r#"{"passed": 99999999999}"#).expect("written");
    let (code, text) = failure(&asked("GET", "https://gw.home/"), &config);
    assert_eq!(code, 75, "{text}");
    assert!(text.contains("clock is not set"), "{text}");
    assert_eq!(failure(&asked("GET", "http://localhost/"), &config).0, 69);
}

#[test]
fn trace_and_connect_are_refused_and_get_takes_no_data() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = configuration(dir.path());
    for method in ["TRACE", "CONNECT", "get", "", "GET\r\nX: y"] {
        assert_eq!(failure(&asked(method, "http://localhost/"), &config).0, 64, "{method}");
    }
    for (method, code) in [("GET", 64), ("HEAD", 64), ("POST", 69), ("DELETE", 69)] {
        let request =
            ServiceRequest { data: Some(Data::Text("x".into())), ..asked(method, "http://localhost/") };
        assert_eq!(failure(&request, &config).0, code, "{method}");
    }
    let request =
        ServiceRequest { content_type: Some("a\r\nb: c".into()), ..asked("POST", "http://localhost/") };
    assert_eq!(failure(&request, &config).0, 64);
}

#[test]
fn events_are_unquoted_until_they_are_no_string() {
    let lines = "{\"seq\":1}\n{\"seq\":2}\n";
    let once = serde_json::to_string(lines).expect("JSON");
    let twice = serde_json::to_string(&once).expect("JSON");
    for quoted in [lines, &once, &twice] {
        assert_eq!(unquoted(quoted.into()), lines.as_bytes(), "{quoted}");
    }
    for (body, text) in [(r#""""#, ""), (r#""cut"#, r#""cut"#), ("{}", "{}"), ("", "")] {
        assert_eq!(unquoted(body.into()), text.as_bytes(), "{body}");
    }
}

#[test]
fn every_status_has_its_exit_code() {
    for (statuses, code) in [
        (&[200, 204, 299][..], 0),
        (&[301, 302, 304, 307, 399, 100, 199, 600, 999], 76),
        (&[401, 403], 77),
        (&[429, 500, 502, 503, 599], 75),
        (&[400, 402, 404, 409, 499], 65),
    ] {
        for status in statuses {
            let done = Done { status: *status, advice: None, lacks_keys: false };
            assert_eq!(done.exit_code(), code, "{status}");
        }
    }
    assert_eq!(Done { status: 401, advice: None, lacks_keys: true }.exit_code(), 75);
}

#[test]
fn only_a_refusal_of_our_own_token_is_retried() {
    let about = |challenge: Option<&str>, body: &str| {
        let refusal = Refusal { body: body.as_bytes().into(), challenge: challenge.map(Into::into) };
        (refusal.is_about_the_token(), refusal.lacks_keys())
    };
    let unauthorized =
        |message: &str| format!(r#"{{"error":{{"code":"unauthorized","message":"{message}"}}}}"#);
    let bearer = r#"Bearer error="invalid_token", error_description="Token expired""#;
    assert_eq!(about(Some(bearer), &unauthorized("Token expired")), (true, false));
    assert_eq!(about(Some(bearer), "<html>"), (true, false));
    assert_eq!(about(Some(r#"Basic realm="x", Bearer realm="y""#), "<html>"), (true, false));
    let log_in = Refusal { body: b"<html>".into(), challenge: Some(r#"Basic realm="x""#.into()) };
    assert!(!log_in.is_about_the_token());
    assert!(log_in.advice().is_some_and(|advice| advice.contains("log-in")));
    assert_eq!(about(None, &unauthorized("Token expired")), (true, false));
    let no_keys = r#"Bearer error="invalid_token", error_description="Unable to fetch JWKS""#;
    assert_eq!(about(Some(no_keys), "{}"), (false, true));
    assert_eq!(about(Some(bearer), &unauthorized("Unable to fetch JWKS")), (false, true));
    let detail = |text: &str| format!(r#"{{"detail":"{text}"}}"#);
    assert_eq!(about(Some("Bearer"), &detail("Cannot resolve signing key")), (false, true));
    assert_eq!(about(Some("Bearer"), &detail("Token azp not permitted")), (true, false));
    for foreign in [
        r#"{"error":{"code":"token_exchange_failed","message":"unauthorized"}}"#,
        r#"{"error":"unauthorized"}"#,
        r#"[["unauthorized","x"]]"#,
        r#"{"error":{"code":7}}"#,
        "",
    ] {
        assert_eq!(about(None, foreign), (false, false), "{foreign}");
    }
}
