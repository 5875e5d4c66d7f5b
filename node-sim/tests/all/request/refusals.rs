//! Every 401 in the table of docs/wire/arp.md, and others, from a service that repeats them.

use super::rig::{Rig, ended};
use super::service::{Service, answer};

/// A 401 as the services of the protocol give it.
fn unauthorized(error: &str, message: &str) -> String {
    let challenge =
        format!("WWW-Authenticate: Bearer error=\"{error}\", error_description=\"{message}\"\r\n");
    let body = format!("{{\"error\":{{\"code\":\"unauthorized\",\"message\":\"{message}\"}}}}");
    answer(401, &challenge, &body)
}

/// A service that answers the first request with `refusal` and accepts the second.
fn once(refusal: String) -> Service {
    Service::new(move |count| if count == 0 { refusal.clone() } else { answer(200, "", "done\n") })
}

#[test]
fn a_refused_token_is_replaced_once() {
    for refusal in [
        unauthorized("invalid_request", "Missing Authorization header"),
        unauthorized("invalid_request", "Invalid Authorization header"),
        unauthorized("invalid_token", "Invalid token"),
        unauthorized("invalid_token", "Token expired"),
        unauthorized("invalid_token", "Invalid token audience"),
        unauthorized("invalid_token", "Invalid token issuer"),
        // Only the challenge, and only the code.
        answer(401, "WWW-Authenticate: Bearer\r\n", "<html>"),
        answer(401, "", r#"{"error":{"code":"unauthorized","message":"Invalid token"}}"#),
    ] {
        let rig = Rig::new();
        let service = once(refusal.clone());
        let mut command = rig.command("PUT", &service.url("/x?y=z"), &["--data", "@-"]);
        let done = ended(command.args(["--content-type", "text/plain"]), "kept\n");
        assert_eq!((done.code, done.body.as_str()), (Some(0), "done\n"), "{refusal}: {done:?}");
        assert_eq!(done.told, "HTTP 200\n");
        let heard = service.heard();
        assert_eq!(heard.len(), 2, "{refusal}");
        for request in &heard {
            assert!(request.starts_with("PUT /x?y=z HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("\r\ncontent-type: text/plain\r\n"), "{request}");
            assert!(request.ends_with("\r\n\r\nkept\n"), "{request}");
        }
        let tokens = service.tokens();
        assert_ne!(tokens[0], tokens[1], "{refusal}");
        assert_eq!(rig.sts.token_requests(), 2, "{refusal}");
    }
}

#[test]
fn service_without_the_key_is_asked_again_with_the_token() {
    let rig = Rig::new();
    for refusal in [
        unauthorized("invalid_token", "Unable to fetch JWKS"),
        answer(401, "WWW-Authenticate: Bearer\r\n", r#"{"detail":"Cannot resolve signing key"}"#),
    ] {
        let service = once(refusal);
        let done = rig.request("POST", &service.url("/x"), &["--data", "{}"]);
        assert_eq!((done.code, done.told.as_str()), (Some(0), "HTTP 200\n"), "{done:?}");
        assert!(service.heard().iter().all(|request| request.ends_with("{}")));
        let tokens = service.tokens();
        assert_eq!((tokens.len(), &tokens[0]), (2, &tokens[1]));
    }
    assert_eq!(rig.sts.token_requests(), 1);
}

#[test]
fn lasting_refusal_is_passed_on_after_the_second_try() {
    let rig = Rig::new();
    let service = Service::new(|_| unauthorized("invalid_token", "Token expired"));
    let done = rig.request("GET", &service.url("/"), &[]);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(done.body.contains("Token expired") && done.told.starts_with("HTTP 401\n"), "{done:?}");
    assert_eq!((service.heard().len(), rig.sts.token_requests()), (2, 2));
}

#[test]
fn refusal_without_a_new_token_is_passed_on() {
    let rig = Rig::new();
    let service = Service::new(|_| unauthorized("invalid_token", "Token expired"));
    assert_eq!(rig.request("GET", &once(answer(200, "", "")).url("/"), &[]).code, Some(0));
    rig.sts.server().go_down();
    let done = rig.request("GET", &service.url("/"), &[]);
    assert_eq!(done.code, Some(77), "{done:?}");
    assert!(done.body.contains("Token expired") && done.told.starts_with("HTTP 401\n"), "{done:?}");
    assert!(!done.told.contains("JWKS"), "{done:?}");
    assert_eq!(service.heard().len(), 1);
}

#[test]
fn refusal_not_about_our_token_is_not_retried() {
    let rig = Rig::new();
    for refusal in [
        answer(401, "", r#"{"error":{"code":"token_exchange_failed","message":"invalid_client"}}"#),
        answer(401, "", r#"{"error":"unauthorized"}"#),
        answer(401, "", "no"),
        answer(401, "", &"no".repeat(50_000)),
        answer(403, "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n", "no"),
    ] {
        let service = once(refusal.clone());
        let done = rig.request("DELETE", &service.url("/"), &[]);
        assert_eq!(done.code, Some(77), "{refusal}: {done:?}");
        assert!(refusal.ends_with(&format!("\r\n\r\n{}", done.body)), "{refusal}: {done:?}");
        assert_eq!(service.heard().len(), 1, "{refusal}");
    }
    // All of these requests used one token.
    assert_eq!(rig.sts.token_requests(), 1);
}
