use super::*;

fn text(text: &str) -> Option<Zeroizing<String>> {
    Some(Zeroizing::new(text.into()))
}

/// The result for the whole request. Every part of it must give the same result, or be incomplete.
fn read_whole(request: &str) -> Result<Progress, Refusal> {
    let whole = read(request.as_bytes());
    for len in 0..request.len() {
        match read(&request.as_bytes()[..len]) {
            Ok(Progress::Incomplete { .. }) => {}
            early => assert_eq!(early, whole, "after {len} bytes of {request}"),
        }
    }
    whole
}

fn refused(request: &str) -> (u16, &'static str) {
    let refusal = read_whole(request).expect_err(request);
    assert!(!refusal.message.contains("s3cret"), "{refusal:?}");
    (refusal.status, refusal.code)
}

fn post(fields: &str, body: &str) -> String {
    let len = body.len();
    format!("POST /v1/token/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n{fields}\r\n{body}")
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const JSON: &str = "content-type:Application/JSON; charset=utf-8\r\n";

#[test]
fn request_of_each_kind_is_understood() {
    for (request, meant) in [
        (
            "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
            BrokerRequest::Health,
        ),
        ("GET /v1/version HTTP/1.0\r\n\r\n", BrokerRequest::Version),
        ("GET http://localhost:80/v1/version HTTP/1.1\r\nHost: localhost:80\r\n\r\n", BrokerRequest::Version),
        // Any host is accepted, and so are bare line feeds.
        ("GET /v1/status?x HTTP/1.1\nHost: any.example:80\n\n", BrokerRequest::Status),
        (
            "GET /v1/token?audience=arp-run-gateway HTTP/1.1\r\nHost: node\r\n\r\n",
            BrokerRequest::Token { audience: text("arp-run-gateway"), scope: None, refused: None },
        ),
        (
            "GET /v1/token?refused=0011223344556677&scope=a%20b HTTP/1.1\r\n\r\n",
            BrokerRequest::Token { audience: None, scope: text("a b"), refused: text("0011223344556677") },
        ),
    ] {
        assert_eq!(read_whole(request), Ok(Progress::Whole(meant)), "{request}");
    }
}

#[test]
fn exchange_is_understood_as_a_form_and_as_json() {
    let meant = BrokerRequest::Exchange {
        audience: text("arp-run-gateway"),
        scope: None,
        subject: Zeroizing::new("s3cret/t".into()),
    };
    for request in [
        post(FORM, "subject_token=s3cret%2Ft&audience=arp-run-gateway"),
        post(JSON, r#"{"audience": "arp-run-gateway", "subject_token": "s3cret\/t"}"#),
    ] {
        assert_eq!(read_whole(&request), Ok(Progress::Whole(meant.clone())), "{request}");
    }
}

#[test]
fn bytes_beyond_the_content_length_are_ignored() {
    let request = post(FORM, "subject_token=a") + "&subject_token=b";
    let Ok(Progress::Whole(BrokerRequest::Exchange { subject, .. })) = read(request.as_bytes()) else {
        panic!("not understood")
    };
    assert_eq!(*subject, "a");
}

#[test]
fn expect_continue_is_answered_once_the_head_is_whole() {
    let request = post("Expect: 100-Continue\r\nContent-Type: application/json\r\n", "{}");
    let head = request.len() - 2;
    let after = |len| read(&request.as_bytes()[..len]);
    assert_eq!(after(head - 1), Ok(Progress::Incomplete { wants_go_ahead: false }));
    assert_eq!(after(head), Ok(Progress::Incomplete { wants_go_ahead: true }));
    assert_eq!(after(head + 1), Ok(Progress::Incomplete { wants_go_ahead: false }));
}

#[test]
fn request_that_cannot_be_answered_is_refused_early() {
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    for (request, refusal) in [
        (get("/", ""), (404, "not_found")),
        (get("/v1/token/", ""), (404, "not_found")),
        (get("/V1/TOKEN", ""), (404, "not_found")),
        (get("/v1/%74oken", ""), (404, "not_found")),
        (get("ftp://localhost/v1/health", ""), (404, "not_found")),
        (get("/v1/token/exchange", ""), (405, "method_not_allowed")),
        (get("/v1/token?audience=a&audience=b", ""), (400, "invalid_request")),
        (get("/v1/token?s3cret", ""), (400, "invalid_request")),
        (get("/v1/health", "Origin: https://evil.example\r\n"), (403, "origin_refused")),
        (get("/v1/health", "ORIGIN:\r\n"), (403, "origin_refused")),
        ("POST /v1/token HTTP/1.1\r\n\r\n".into(), (405, "method_not_allowed")),
        ("OPTIONS * HTTP/1.1\r\n\r\n".into(), (404, "not_found")),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), (400, "invalid_request")),
        ("\u{16}\u{3}\u{1}".into(), (400, "invalid_request")),
        ("GET /v1/health HTTP/1.1\r\nno colon\r\n\r\n".into(), (400, "invalid_request")),
        ("POST /v1/token/exchange HTTP/1.1\r\n\r\n".into(), (411, "length_required")),
        (
            "POST /v1/token/exchange HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
                .into(),
            (400, "invalid_request"),
        ),
        (
            "POST /v1/token/exchange HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".into(),
            (400, "invalid_request"),
        ),
        (post("Content-Length: 2\r\n", "{}"), (400, "invalid_request")),
        ("POST /v1/token/exchange HTTP/1.1\r\nContent-Length: +2\r\n\r\n".into(), (400, "invalid_request")),
        ("POST /v1/token/exchange HTTP/1.1\r\nContent-Length: 16385\r\n\r\n".into(), (413, "body_too_large")),
        (
            "POST /v1/token/exchange HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n".into(),
            (413, "body_too_large"),
        ),
        (post("", "subject_token=s3cret"), (415, "unsupported_media_type")),
        (post("Content-Type: text/plain\r\n", "subject_token=s3cret"), (415, "unsupported_media_type")),
        (post(FORM, "audience=a"), (400, "invalid_request")),
        (post(FORM, "s3cret"), (400, "invalid_request")),
        (post(JSON, r#"["s3cret"]"#), (400, "invalid_request")),
        (post(JSON, r#"{"subject_token": 5}"#), (400, "invalid_request")),
        (post(JSON, r#"{"subject_token": "s3cret", "s3cret": 1}"#), (400, "invalid_request")),
        (post(JSON, r#"{"subject_token": "s3cret"#), (400, "invalid_request")),
    ] {
        assert_eq!(refused(&request), refusal, "{request}");
    }
}

#[test]
fn head_longer_than_its_limit_is_refused() {
    let with = |len: usize| {
        let mut head = String::from("GET /v1/health HTTP/1.1\r\nX: ");
        let filling = len - head.len() - 4;
        head.extend(std::iter::repeat_n('x', filling));
        head + "\r\n\r\n"
    };
    assert_eq!(read(with(MAX_HEAD).as_bytes()), Ok(Progress::Whole(BrokerRequest::Health)));
    let too_long = read(with(MAX_HEAD + 1).as_bytes()).expect_err("too long");
    assert_eq!(too_long.status, 431);
    // Nor may a head that never ends be waited for.
    let endless: Vec<u8> = std::iter::repeat_n(b'x', MAX_HEAD + 1).collect();
    assert_eq!(read(&endless).expect_err("too long").status, 431);
    let many = format!("GET /v1/health HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
    assert_eq!(read(many.as_bytes()).expect_err("too many").status, 431);
}

/// A request with its body in these chunks.
fn chunked(fields: &str, chunks: &str) -> String {
    format!("POST /v1/token/exchange HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n{fields}\r\n{chunks}")
}

#[test]
fn body_in_chunks_is_put_together() {
    for chunks in [
        "14\r\nsubject_token=s3cret\r\n0\r\n\r\n",
        "1;name=value\r\ns\r\n13\r\nubject_token=s3cret\r\n0\r\nTrailer: x\r\n\r\n",
    ] {
        let meant =
            BrokerRequest::Exchange { audience: None, scope: None, subject: Zeroizing::new("s3cret".into()) };
        assert_eq!(read_whole(&chunked(FORM, chunks)), Ok(Progress::Whole(meant)), "{chunks}");
    }
    let whole = |len: usize| format!("{:x}\r\n{}\r\n0\r\n\r\n", len, "x".repeat(len));
    let small = "1\r\nx\r\n".repeat(MAX_BODY / 2);
    for (chunks, refusal) in [
        ("x\r\n".into(), (400, "invalid_request")),
        ("1\r\nsubject".into(), (400, "invalid_request")),
        (whole(MAX_BODY), (415, "unsupported_media_type")),
        (whole(MAX_BODY + 1), (413, "body_too_large")),
        ("ffffffffffffffff\r\n".into(), (413, "body_too_large")),
        // Added to what is there, this is more than a number can hold.
        ("1\r\na\r\nffffffffffffffff\r\n".into(), (413, "body_too_large")),
        (small, (413, "body_too_large")),
    ] {
        let refused = read(chunked("", &chunks).as_bytes()).expect_err("refused");
        assert_eq!((refused.status, refused.code), refusal, "{}", &chunks[..10.min(chunks.len())]);
    }
}

#[test]
fn parameters_of_rfc_8693_are_accepted_or_named() {
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let json = |more: &str| post(JSON, &format!(r#"{{"subject_token":"s3cret",{more}}}"#));
    let form = |more: &str| post(FORM, &format!("subject_token=s3cret&{more}"));
    for request in [
        form(&format!(
            "grant_type={exchange}&subject_token_type={ACCESS_TOKEN}&requested_token_type={ACCESS_TOKEN}"
        )),
        form("requested_token_type="),
        json(&format!(
            r#""grant_type":"{exchange}","subject_token_type":"{ACCESS_TOKEN}","requested_token_type":null"#
        )),
    ] {
        assert!(matches!(read(request.as_bytes()), Ok(Progress::Whole(_))), "{request}");
    }
    for name in ["grant_type", "subject_token_type", "requested_token_type"] {
        for request in [form(&format!("{name}=urn:other")), json(&format!(r#""{name}":"urn:other""#))] {
            let why = read(request.as_bytes()).expect_err(&request).message;
            assert!(why.starts_with(&format!("{name} can only be urn:ietf:params:oauth:")), "{why}");
        }
    }
    for name in form::NOT_SERVED {
        for request in [form(&format!("{name}=s3cret")), json(&format!(r#""{name}":"s3cret""#))] {
            let why = read(request.as_bytes()).expect_err(&request).message;
            assert!(why.contains(&format!("parameter {name} ")) && !why.contains("s3cret"), "{why}");
        }
    }
}

#[test]
fn malformed_expect_is_refused_however_much_has_arrived() {
    let request = post(&format!("{FORM}Expect: \u{1}\r\nExpect: 100-continue\r\n"), "subject_token=s");
    let head = request.find("\r\n\r\n").expect("a head") + 4;
    for len in [head, head + 3, request.len()] {
        let refusal = read(&request.as_bytes()[..len]).expect_err("refused");
        assert_eq!((refusal.status, refusal.code), (400, "invalid_request"), "{len}");
    }
}
