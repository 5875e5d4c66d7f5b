use node_core::service::Service;
use node_core::text::Text;
use node_core::time::UnixTime;
use node_core::trouble::TroubleKind;
use serde_json::{Value, json};

use super::*;
use crate::broker::rules::tests::rules;
use crate::sts::test_token as token;

const PI: Caller = Caller { uid: 1000, gid: 1000 };
const LIFE: Duration = Duration::from_secs(300);

fn at(ms: u64) -> Now {
    Now { instant: Instant::from_millis(ms), wall: UnixTime(0) }
}

pub(crate) fn view() -> View {
    View {
        outcome: "valid".into(),
        node_id: None,
        household_id: None,
        household_member_ids: None,
        reason: None,
        fix: None,
        source: None,
        age_secs: None,
        next_check_secs: None,
        warnings: Vec::new(),
        chain: None,
        daemon: None,
    }
}

fn handler() -> Handler {
    Handler::new(rules(), 1)
}

fn ask(handler: &mut Handler, id: u64, request: &BrokerRequest, now: Now) -> Reply {
    handler.reply(
        ConnectionId(id),
        PI,
        PI.uid,
        request,
        &About { outcome: Outcome::Valid, view: &view, metrics: &|_| () },
        now,
    )
}

fn gateway() -> BrokerRequest {
    BrokerRequest::Token { audience: Some(String::from("gateway").into()), scope: None, refused: None }
}

fn exchange(subject: &str) -> BrokerRequest {
    let audience = Some(String::from("gateway").into());
    BrokerRequest::Exchange { audience, scope: None, subject: String::from(subject).into() }
}

/// Status, `Retry-After` and body.
fn told(answer: &Answer) -> (u16, Option<u64>, Value) {
    let text = std::str::from_utf8(answer.bytes()).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let retry_after = head.lines().find_map(|line| line.strip_prefix("Retry-After: "));
    (
        head[9..12].parse().expect("a status"),
        retry_after.map(|secs| secs.parse().expect("seconds")),
        serde_json::from_str(body).expect("JSON"),
    )
}

fn now(reply: Reply) -> (u16, Option<u64>, Value) {
    match reply {
        Reply::Now(answer) => told(&answer),
        Reply::Later => panic!("to come later"),
    }
}

/// The answer to a request for which the STS gives this result.
fn after(request: &BrokerRequest, result: Result<AccessToken, TokenError>) -> (u16, Option<u64>, Value) {
    let mut handler = handler();
    assert!(matches!(ask(&mut handler, 1, request, at(0)), Reply::Later));
    let wanted = handler.cache.next_request(at(0).instant).expect("to be fetched");
    let answers = handler.fetched(&wanted, result, at(0).instant);
    assert_eq!(answers.len(), 1);
    told(&answers[0].1)
}

fn refused(grant: Grant, status: u16, error: &str) -> TokenError {
    let error = Text::from(error);
    TokenError::Refused { grant, status, error, description: Text::new(), retry_after: None, undated: false }
}

#[test]
fn fetched_token_answers_all_who_wait_and_later_callers_at_once() {
    let mut handler = handler();
    for id in 1..=3 {
        assert!(matches!(ask(&mut handler, id, &gateway(), at(1000)), Reply::Later));
    }
    let wanted = handler.cache.next_request(at(1000).instant).expect("to be fetched");
    let fetched = token(7, at(1000).instant, LIFE);
    let answers = handler.fetched(&wanted, Ok(fetched.clone()), at(1500).instant);
    assert_eq!(answers.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(answers.iter().all(|(_, answer)| Arc::ptr_eq(answer, &answers[0].1)), "one text for all");
    let body = |left: u64| {
        json!({
            "access_token": fetched.expose(), "token_type": "Bearer", "expires_in": left,
            "audience": "gateway", "fingerprint": fetched.fingerprint(),
        })
    };
    // 299.5 s are left: a caller is never told more than there is.
    assert_eq!(told(&answers[0].1), (200, None, body(299)));
    assert_eq!(now(ask(&mut handler, 4, &gateway(), at(250_999))), (200, None, body(50)));
    assert!(matches!(ask(&mut handler, 5, &gateway(), at(301_000)), Reply::Later), "it has ended");
}

#[test]
fn exchanged_token_is_declared_an_access_token() {
    let (status, _, body) = after(&exchange("subject"), Ok(token(1, at(0).instant, LIFE)));
    assert_eq!((status, &body["issued_token_type"]), (200, &json!(ACCESS_TOKEN)));
}

#[test]
fn failure_is_the_callers_only_for_its_own_token_never_401() {
    let stalled = |grant| TokenError::Unanswered {
        grant,
        trouble: Service::STS.trouble(TroubleKind::Stalled, format_args!("x")),
    };
    let (own, theirs) = (Grant::ClientCredentials, Grant::Exchange);
    for (error, status, code) in [
        (refused(own, 401, "invalid_client"), 502, "token_request_failed"),
        (refused(own, 400, "invalid_scope"), 502, "token_request_failed"),
        (refused(own, 403, "access_denied"), 502, "token_request_failed"),
        (refused(theirs, 400, "invalid_request"), 400, "token_exchange_failed"),
        (refused(theirs, 403, "access_denied"), 403, "token_exchange_failed"),
        (refused(theirs, 401, "invalid_client"), 502, "token_exchange_failed"),
        (
            TokenError::Unusable { grant: theirs, flaw: InvalidTokenError::SubjectExpired },
            400,
            "token_exchange_failed",
        ),
        (
            TokenError::Unusable { grant: theirs, flaw: InvalidTokenError::NoExpiry },
            502,
            "token_exchange_failed",
        ),
        (TokenError::troubled(own, 401, None), 502, "token_request_failed"),
        (stalled(own), 504, "sts_timeout"),
        (stalled(theirs), 504, "sts_timeout"),
    ] {
        let request = if error.grant() == theirs { exchange("subject") } else { gateway() };
        let permanent = error.is_permanent();
        let shown = format!("{error}");
        let (told_status, retry_after, body) = after(&request, Err(error));
        assert_eq!((told_status, &body["error"]["code"]), (status, &json!(code)), "{shown}");
        assert_eq!(body["error"]["message"], shown.as_str());
        assert_eq!(retry_after.is_none(), permanent, "{shown}");
    }
    let busy = TokenError::troubled(own, 429, Some(Duration::from_secs(60)));
    let (_, retry_after, _) = after(&gateway(), Err(busy));
    assert!(retry_after >= Some(60), "{retry_after:?}");
}

#[test]
fn sts_failure_shows_in_health_until_a_token_is_fetched() {
    let mut handler = handler();
    let health = |handler: &mut Handler| {
        now(ask(handler, 99, &BrokerRequest::Health, at(0))).2["token_trouble"].take()
    };
    let fetch = |handler: &mut Handler, secs: u64, result| {
        let when = at(secs * 1000);
        assert!(matches!(ask(handler, secs, &gateway(), when), Reply::Later));
        let wanted = handler.cache.next_request(when.instant).expect("to be fetched");
        handler.fetched(&wanted, result, when.instant);
    };
    let own = Grant::ClientCredentials;
    fetch(&mut handler, 0, Err(refused(own, 400, "invalid_scope")));
    assert_eq!(health(&mut handler), Value::Null);
    fetch(&mut handler, 1000, Err(TokenError::troubled(own, 503, None)));
    assert_eq!(health(&mut handler), "token_request_failed");
    fetch(&mut handler, 2000, Ok(token(1, at(2_000_000).instant, LIFE)));
    assert_eq!(health(&mut handler), Value::Null);
    fetch(&mut handler, 3000, Err(refused(own, 401, "invalid_client")));
    assert_eq!(health(&mut handler), "token_request_failed");
    handler.start_over();
    assert_eq!(health(&mut handler), Value::Null);
}

#[test]
fn request_that_no_rule_allows_is_not_sent_to_the_sts() {
    let mut handler = handler();
    let archive =
        BrokerRequest::Token { audience: Some(String::from("archive").into()), scope: None, refused: None };
    let (status, _, body) = now(ask(&mut handler, 1, &archive, at(0)));
    assert_eq!((status, &body["error"]["code"]), (403, &json!("not_allowed")));
    let (status, _, body) = now(ask(&mut handler, 1, &exchange("not visible"), at(0)));
    assert_eq!((status, &body["error"]["code"]), (400, &json!("invalid_request")));
    assert_eq!((handler.cache.next_request(at(0).instant), handler.cache.deadline()), (None, None));
}

#[test]
fn exchange_beyond_the_limit_is_refused_as_busy() {
    let mut handler = handler();
    let mut id = 0;
    let refusal = loop {
        id += 1;
        assert!(id < 100, "there is no end to them");
        match ask(&mut handler, id, &exchange(&format!("subject-{id}")), at(0)) {
            Reply::Later => {}
            Reply::Now(answer) => break told(&answer),
        }
    };
    assert_eq!((refusal.0, refusal.1, &refusal.2["error"]["code"]), (503, Some(5), &json!("busy")));
    assert!(id > 40, "{id}");
    // The limit does not apply to the node's own tokens.
    assert!(matches!(ask(&mut handler, 100, &gateway(), at(0)), Reply::Later));
}

#[test]
fn flood_of_exchanges_reaches_the_sts_at_a_bounded_rate() {
    let mut handler = handler();
    let (mut asked, mut refused, mut id) = (0_u32, 0_u32, 0);
    // A minute of 240 a second, each of another token, which the STS answers at once.
    for ms in (0..60_000).step_by(4) {
        id += 1;
        let now = at(ms);
        match ask(&mut handler, id, &exchange(&format!("subject-{id}")), now) {
            Reply::Later => {
                asked += 1;
                let wanted = handler.cache.next_request(now.instant).expect("to be fetched");
                handler.fetched(&wanted, Ok(token(id, now.instant, LIFE)), now.instant);
            }
            Reply::Now(answer) => {
                refused += 1;
                let (status, retry_after, body) = told(&answer);
                assert_eq!(
                    (status, retry_after, &body["error"]["code"]),
                    (429, Some(1), &json!("too_many_requests"))
                );
            }
        }
    }
    assert!((178..=182).contains(&asked), "{asked} reached it, {refused} did not");
    // What is kept costs nothing, nor does the flood cost another person anything.
    let now = at(60_000);
    let last = exchange(&format!("subject-{id}"));
    let kept = (1..=id).rev().map(|id| exchange(&format!("subject-{id}")));
    let kept = kept
        .filter(|one| matches!(ask(&mut handler, 1, one, now), Reply::Now(answer) if told(&answer).0 == 200));
    assert!(kept.count() > 40);
    let about = About { outcome: Outcome::Valid, view: &view, metrics: &|_| () };
    assert!(matches!(handler.reply(ConnectionId(id + 1), PI, 7, &last, &about, now), Reply::Later));
}
