use std::collections::BTreeMap as Fields;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use node_core::service::Service;
use node_core::trouble::TroubleKind;

use super::*;
use crate::config::AudienceRule;
use crate::sts::{Algorithm, Concern, SubjectToken, generate};

/// A client of an STS at `url` with this authentication.
fn client(url: &str, proof: Proof) -> StsClient {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("config.json");
    let text = r#"{"auth_url":"https://auth.home","service_id":"s","app_id":"a","app_key_file":"k.key",
        "credential_file":"c.json","request_timeout_secs":20}"#;
    std::fs::write(&path, text).expect("written");
    let config = Config::load(&path).expect("sound");
    let url = crate::net::service_url::ServiceUrl::parse("url", url, false).expect("a URL");
    StsClient {
        http: HttpClient::new(
            Service::STS,
            &url,
            config.connect_timeout,
            config.request_timeout,
            Tls::trusting(None).expect("TLS"),
        ),
        endpoint: url.whole().into(),
        issuer: "https://sts.home/realms/arp-dev".into(),
        client_id: "node 1".into(),
        proof,
        assertion_audience: "https://sts.home/realms/arp-dev".into(),
        audiences: [("a".into(), AudienceRule::default())].into(),
        clock_floor: None,
        offset: Mutex::new(0),
    }
}

fn wanted() -> Wanted {
    Wanted { audience: "a".into(), scope: None, subject: None }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.into())
}

/// The decoded fields of a form. The values in these tests contain no other encoded characters.
fn fields(form: &FormBody) -> Fields<String, String> {
    let text = std::str::from_utf8(form.as_bytes()).expect("ASCII");
    let decode = |text: &str| text.replace("%20", " ").replace("%3A", ":").replace("%2F", "/");
    text.split('&')
        .map(|field| field.split_once('=').expect("a field"))
        .map(|(name, value)| (name.into(), decode(value)))
        .collect()
}

fn given<const N: usize>(fields: [(&str, &str); N]) -> Fields<String, String> {
    fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn client_secret_post_sends_secret_in_the_body() {
    let client = client("http://127.0.0.1:1", Proof::Post(secret("s")));
    let TokenRequest { form, authorization } = client.request(&wanted()).expect("made");
    assert!(authorization.is_none());
    let least = [
        ("grant_type", "client_credentials"),
        ("client_id", "node 1"),
        ("client_secret", "s"),
        ("audience", "a"),
    ];
    assert_eq!(fields(&form), given(least));
    let scoped = Wanted { scope: Some("one two".into()), ..wanted() };
    let TokenRequest { form, .. } = client.request(&scoped).expect("made");
    assert_eq!(fields(&form).get("scope").map(String::as_str), Some("one two"));
    let without = Wanted { audience: "".into(), ..wanted() };
    let TokenRequest { form, .. } = client.request(&without).expect("made");
    assert_eq!(fields(&form), given([least[0], least[1], least[2]]));
}

#[test]
fn resource_of_the_audience_is_sent_with_either_grant() {
    let mut client = client("http://127.0.0.1:1", Proof::Post(secret("s")));
    let resource = Some("https://gateway.home/".to_owned());
    client.audiences.insert("a".into(), AudienceRule { resource, ..AudienceRule::default() });
    let subject = Some(SubjectToken::parse("x.y.z").expect("a subject"));
    for wanted in [wanted(), Wanted { subject, ..wanted() }] {
        let fields = fields(&client.request(&wanted).expect("made").form);
        let sent = (fields["audience"].as_str(), fields["resource"].as_str());
        assert_eq!(sent, ("a", "https://gateway.home/"));
    }
    let other = Wanted { audience: "b".into(), ..wanted() };
    assert!(!fields(&client.request(&other).expect("made").form).contains_key("resource"));
}

#[test]
fn subject_token_is_sent_as_token_exchange() {
    let client = client("http://127.0.0.1:1", Proof::Post(secret("s")));
    let wanted = Wanted { subject: Some(SubjectToken::parse("x.y.z").expect("a subject")), ..wanted() };
    let TokenRequest { form, .. } = client.request(&wanted).expect("made");
    let access_token = "urn:ietf:params:oauth:token-type:access_token";
    let wanted = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("client_id", "node 1"),
        ("client_secret", "s"),
        ("subject_token", "x.y.z"),
        ("subject_token_type", access_token),
        ("requested_token_type", access_token),
        ("audience", "a"),
    ];
    assert_eq!(fields(&form), given(wanted));
}

#[test]
fn basic_authentication_form_encodes_both_parts() {
    let client = client("http://127.0.0.1:1", Proof::Basic(secret("p:q+r%ü")));
    let TokenRequest { form, authorization } = client.request(&wanted()).expect("made");
    assert_eq!(fields(&form), given([("grant_type", "client_credentials"), ("audience", "a")]));
    let (name, value) = authorization.expect("a header");
    assert_eq!(name, "authorization");
    let encoded = value.to_str().expect("ASCII").strip_prefix("Basic ").expect("basic");
    assert_eq!(STANDARD.decode(encoded).expect("base64"), b"node%201:p%3Aq%2Br%25%C3%BC");
    assert!(value.is_sensitive());
}

#[test]
fn assertion_is_new_each_time_and_dated_by_server_clock() {
    let pem = generate(Algorithm::Es256).expect("made");
    let client =
        client("http://127.0.0.1:1", Proof::Key(SigningKey::from_pem(pem.as_bytes()).expect("a key")));
    let assertion =
        || fields(&client.request(&wanted()).expect("made").form).remove("client_assertion").expect("one");
    let claims = |jwt: &str| crate::sts::jwt::read(jwt).expect("a JWT").claims;
    let (one, two) = (assertion(), assertion());
    assert_ne!(one, two);
    let claims_of_one = claims(&one);
    assert!(claims_of_one.iss.is_some_and(|iss| iss.is("node 1")));
    assert!(matches!(&claims_of_one.aud.0[..], [one] if one.is("https://sts.home/realms/arp-dev")));
    let ours = clock::now().wall;
    let (iat, exp) = (claims_of_one.iat.expect("iat").0, claims_of_one.exp.expect("exp").0);
    assert!((10..=20).contains(&ours.0.saturating_sub(iat)), "in the past even if a clock is slightly off");
    assert!(exp >= ours.0 + 25 && exp - iat < 60, "{iat} {exp}");
    assert!(!client.learns_offset(UnixTime(ours.0 + 4)), "near enough");
    assert!(client.learns_offset(UnixTime(ours.0 + 20)));
    assert!(client.learns_offset(UnixTime(ours.0 + 5000)));
    assert!(!client.learns_offset(UnixTime(ours.0 + 5003)), "known by now");
    let iat = claims(&assertion()).iat.expect("iat").0;
    assert!(iat.abs_diff(ours.0 + 5000) < 60, "{iat}");
    assert!(client.learns_offset(ours), "the server's clock was set");
    let TokenRequest { form, .. } = client.request(&wanted()).expect("made");
    assert_eq!(fields(&form)["client_assertion_type"], ASSERTION);
    assert!(!fields(&form).contains_key("client_secret"));
}

/// Serves one request with `answer`. The thread returns the request.
fn once(answer: String) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/token", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut asked = Vec::new();
        let mut bytes = [0; 4096];
        while !String::from_utf8_lossy(&asked).ends_with("audience=a") {
            let n = stream.read(&mut bytes).expect("readable");
            assert!(n > 0, "cut off");
            asked.extend_from_slice(&bytes[..n]);
        }
        stream.write_all(answer.as_bytes()).expect("sent");
        String::from_utf8_lossy(&asked).into_owned()
    });
    (url, server)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nRetry-After: 7\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn token_age_counts_from_its_request() {
    let claims = r#"{"exp":10300,"iat":10000,"iss":"https://sts.home/realms/arp-dev","aud":"a"}"#;
    let jwt = crate::sts::jwt::tests::jwt(r#"{"alg":"RS256","kid":"k"}"#, claims);
    let (url, server) =
        once(answer("200 OK", &format!(r#"{{"access_token":"{jwt}","token_type":"Bearer"}}"#)));
    let before = clock::instant();
    let token = client(&url, Proof::Post(secret("s"))).fetch(&wanted()).expect("a token");
    let after = clock::instant();
    assert_eq!(token.life().as_secs(), 300);
    let life = std::time::Duration::from_secs(300);
    assert!(token.expires() >= before + life && token.expires() <= after + life);
    let asked = server.join().expect("served").to_ascii_lowercase();
    assert!(asked.starts_with("post /token http/1.1\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/x-www-form-urlencoded\r\n"), "{asked}");
    assert!(asked.contains("accept: application/json\r\n"), "{asked}");
}

#[test]
fn refusal_and_overload_carry_retry_after() {
    for (status, body) in [("401 Unauthorized", r#"{"error":"invalid_client"}"#), ("503 Busy", "")] {
        let (url, server) = once(answer(status, body));
        let error = client(&url, Proof::Post(secret("s"))).fetch(&wanted()).expect_err(status);
        assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)));
        assert_eq!(error.is_permanent(), status.starts_with("401"));
        server.join().expect("served");
    }
}

#[test]
fn echoed_authorization_header_is_not_shown() {
    let value = STANDARD.encode("node%201:s3cret");
    let body = format!(r#"{{"error":"invalid_client","error_description":"bad: Basic {value}"}}"#);
    let (url, server) = once(answer("401 Unauthorized", &body));
    let refused = client(&url, Proof::Basic(secret("s3cret"))).fetch(&wanted()).expect_err("refused");
    server.join().expect("served");
    assert!(!refused.to_string().contains(&value), "{refused}");
}

#[test]
fn assertion_refusal_by_unknown_clock_is_not_permanent() {
    let pem = generate(Algorithm::Es256).expect("made");
    let key = || Proof::Key(SigningKey::from_pem(pem.as_bytes()).expect("a key"));
    for (proof, permanent) in [(key(), false), (Proof::Post(secret("s")), true)] {
        // Plain HTTP authenticates no server, so its time is not known.
        let (url, server) = once(answer("401 Unauthorized", r#"{"error":"invalid_client"}"#));
        let refused = client(&url, proof).fetch(&wanted()).expect_err("refused");
        server.join().expect("served");
        assert_eq!(refused.is_permanent(), permanent, "{refused}");
        assert_eq!(refused.concern(), Concern::Client);
        assert_eq!(refused.to_string().contains("clock"), !permanent, "{refused}");
    }
}

#[test]
fn refused_client_is_told_apart_from_a_log_in() {
    let challenge = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"";
    for (status, body, says) in [
        (challenge, r#"{"error":"invalid_client"}"#, "check client_id"),
        (challenge, "<html>", "wants a log-in of its own (401)"),
        (challenge, "", "wants a log-in of its own (401)"),
        ("200 OK", "<html>", "sent a page for people (200)"),
        ("407 Proxy Authentication Required", "", "is a proxy that wants a log-in (407)"),
        ("400 Bad Request", r#"{"error":"invalid_client"}"#, "check client_id"),
    ] {
        let (url, server) = once(answer(status, body));
        let told = client(&url, Proof::Basic(secret("s"))).fetch(&wanted()).expect_err(status).to_string();
        assert!(told.contains(says), "{status} {body}: {told}");
        server.join().expect("served");
    }
}

#[test]
fn undated_proof_in_plain_http_is_about_the_client() {
    let pem = generate(Algorithm::Es256).expect("made");
    let key = Proof::Key(SigningKey::from_pem(pem.as_bytes()).expect("a key"));
    let (url, server) = once(answer("400 Bad Request", r#"{"error":"invalid_client"}"#));
    let told = client(&url, key).fetch(&wanted()).expect_err("refused").to_string();
    server.join().expect("served");
    assert!(told.contains("this board's clock") && told.contains("check client_id"), "{told}");
}

#[test]
fn unset_clock_prevents_requests() {
    let mut client = client("http://127.0.0.1:1", Proof::Post(secret("s")));
    client.clock_floor = Some(UnixTime(u64::MAX));
    let error = client.fetch(&wanted()).expect_err("no clock");
    assert!(matches!(&error, TokenError::Unanswered { trouble, .. } if trouble.kind == TroubleKind::Clock));
    assert!(!error.is_permanent());
}

#[test]
fn client_secret_is_trimmed_and_validated() {
    use std::os::unix::fs::OpenOptionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("secret");
    let load = |bytes: &[u8], mode| {
        let _ = std::fs::remove_file(&path);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(bytes)).expect("written");
        load_secret(&Secret::File(path.clone()), None)
    };
    assert_eq!(load(b" p:q \r\n", 0o600).expect("sound").as_str(), "p:q");
    for empty in [&b""[..], b"\n"] {
        assert!(load(empty, 0o600).expect_err("empty").to_string().ends_with("secret is empty"));
    }
    for bad in [&b"a\nb"[..], b"\xff", &[b'x'; 513]] {
        let refused = load(bad, 0o600).expect_err("bad");
        assert!(matches!(refused, SetupError::Value { key: "client secret", .. }), "{refused}");
    }
    assert!(matches!(load(b"s", 0o644), Err(SetupError::OpenToOthers { .. })));
}
