use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use super::super::EnrollError;
use super::*;

const TOKEN: &[u8] = b"prov_0123456789abcdef0123456789abcdef";

fn attic() -> NodeId {
    NodeId::parse("attic-pi").expect("a node id")
}

fn posted(status: u16, body: &str) -> Posted {
    let response = HttpResponse { status, headers: HeaderMap::new(), body: Vec::from(body).into() };
    Posted { response, repeated: false }
}

fn detail(text: &str) -> String {
    serde_json::json!({ "detail": text }).to_string()
}

/// What a person is told, and the exit code.
fn told(posted: &Posted) -> (u8, String) {
    let error = read(posted, &attic(), TOKEN).expect_err("no credential");
    (error.exit_code(), error.to_string())
}

#[test]
fn refusal_in_known_words_has_a_sentence_of_its_own() {
    for (status, reason, code, says) in [
        (401, "Invalid or expired provisioning token", 77, "get a new one"),
        (400, "Node already registered", 77, "choose another --node-id"),
        (400, "node_id already exists", 77, "an id is never free again"),
        (400, r#"Auth service error: {"detail":"node_id already exists"}"#, 77, "an id is never free again"),
        (404, "Household not found", 77, "the household that the token is for is gone"),
        (502, "Auth service unavailable: All connection attempts failed", 75, "The token is still good"),
        (401, "Auth service unavailable: timed out", 75, "cannot reach the auth service"),
        (401, r#"Auth service error: {"detail":"Invalid app credentials"}"#, 75, "the command center itself"),
        (422, "Auth service error: x", 77, "look at the log of both"),
        (401, "Not authenticated", 77, "its reason is 'Not authenticated' (401)"),
        (401, "Token used", 77, "its reason is 'Token used' (401)"),
        (410, "Token expired", 77, "its reason is 'Token expired' (410)"),
        (403, "User is not a member of this household", 77, "'User is not a member of this household'"),
        (400, "Room not found", 77, "its reason is 'Room not found' (400)"),
        (401, std::str::from_utf8(TOKEN).expect("text"), 77, "it answers 401"),
        (400, "There was an error parsing the body", 77, "matching versions"),
        (429, "Too many requests", 75, "The token is still good"),
        (404, "Not Found", 75, "has no such path (404)"),
        (500, "Auth service error: Internal Server Error", 74, "Enroll again with the same token"),
    ] {
        let (exit, sentence) = told(&posted(status, &detail(reason)));
        assert!(exit == code && sentence.contains(says), "{status} {reason}: {exit} {sentence}");
        assert_eq!(sentence.contains("token is still good"), code == 75, "{sentence}");
    }
}

#[test]
fn answer_in_no_words_of_the_command_center_is_told_apart() {
    for (status, body, code, says) in [
        (
            400,
            r#"{"error":"validation_error","details":["body -> node_id: x"]}"#,
            77,
            "'body -> node_id: x' (400)",
        ),
        (400, r#"{"error":"validation_error","details":["a: x","b: y"]}"#, 77, "'a: x' (400)"),
        (422, r#"{"detail":[{"msg":"x"}]}"#, 77, "matching versions"),
        (404, "404 page not found\n", 75, "port 7703"),
        (405, "", 75, "port 7703"),
        (307, "", 75, "to no address that can be shown (307)"),
        (200, "<html>Log in</html>", 75, "sent a page for people (200)"),
        (401, "<html>401</html>", 75, "sent a page for people (401)"),
        (413, "", 77, "it answers 413"),
        (500, "Internal Server Error", 74, "failed (500)"),
        (502, "<html>502 Bad Gateway</html>", 74, "or a proxy before it that got no answer"),
        (503, "", 74, "the answer was lost"),
        (201, "{}", 74, "answer has no node_id"),
        (
            201,
            r#"{"node_id":"attic-pi","node_key":"your_api_key_here"}"#,
            74,
            "an empty node_key or a placeholder",
        ),
        (201, r#"{"node_id":"attic-pi","node_key":"a b"}"#, 74, "has a node_key that holds"),
        (202, r#"{"status":"pending"}"#, 74, "answer (202) holds no node_id and node_key"),
        (204, "", 74, "answer (204) holds no node_id and node_key"),
        (201, r#"{"node_id":"garage-pi","node_key":"k"}"#, 74, "about another node"),
    ] {
        let (exit, sentence) = told(&posted(status, body));
        assert!(exit == code && sentence.contains(says), "{status} {body}: {exit} {sentence}");
    }
    let header = |name: &'static str, value: &'static str, status| {
        let headers = [(HeaderName::from_static(name), HeaderValue::from_static(value))];
        let headers = headers.into_iter().collect();
        Posted { response: HttpResponse { status, headers, body: Vec::new().into() }, repeated: false }
    };
    let (exit, sentence) = told(&header("www-authenticate", "Basic realm=\"x\"", 401));
    assert!(exit == 75 && sentence.contains("wants a log-in of its own (401)"), "{sentence}");
    let (exit, sentence) = told(&header("location", "https://cc.example/login", 302));
    assert!(exit == 75 && sentence.contains("points to https://cc.example (302)"), "{sentence}");
    let (exit, sentence) = told(&header("location", "/register/", 302));
    assert!(exit == 75 && sentence.contains("check the path in --url"), "{sentence}");
    let (exit, sentence) = told(&header("content-encoding", "gzip", 201));
    assert!(exit == 74 && sentence.contains("answer is compressed"), "{sentence}");
}

#[test]
fn refusal_after_a_500_may_be_about_the_first_try() {
    for (status, reason) in [(401, "Invalid or expired provisioning token"), (400, "node_id already exists")]
    {
        let again = Posted { repeated: true, ..posted(status, &detail(reason)) };
        let error = read(&again, &attic(), TOKEN).expect_err("no credential");
        assert!(matches!(error, EnrollError::Refused(_)), "{error}");
        assert!(error.to_string().contains("may have registered 'attic-pi'"), "{error}");
    }
    let credential = r#"{"node_id":"attic-pi","node_key":"k"}"#;
    assert!(read(&Posted { repeated: true, ..posted(201, credential) }, &attic(), TOKEN).is_ok());
}

#[test]
fn credential_is_taken_whatever_its_label() {
    let mut labelled = posted(201, r#"{"node_id":"attic-pi","node_key":"k"}"#);
    labelled.response.headers.insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    assert!(read(&labelled, &attic(), TOKEN).is_ok());
    labelled.response.body = b"Sign in".to_vec().into();
    assert!(matches!(read(&labelled, &attic(), TOKEN), Err(EnrollError::Unavailable(..))));
}
