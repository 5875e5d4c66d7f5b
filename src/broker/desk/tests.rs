use node_core::text::Text;
use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use serde_json::{Value, json};

use super::*;
use crate::broker::rules::tests::rules;
use crate::sts::token::tests::token;

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
    }
}

fn desk() -> Desk {
    Desk::new(rules(), 1)
}

fn ask(desk: &mut Desk, id: u64, request: &Request, now: Now) -> Reply {
    desk.reply(Id(id), PI, request, &About { outcome: Outcome::Valid, view: &view }, now)
}

fn gateway() -> Request {
    Request::Token { audience: Some(String::from("gateway").into()), scope: None, refused: None }
}

fn exchange(subject: &str) -> Request {
    let audience = Some(String::from("gateway").into());
    Request::Exchange { audience, scope: None, subject: String::from(subject).into() }
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

/// What somebody is told whose request the STS answers in this way.
fn after(request: &Request, result: Result<AccessToken, TokenError>) -> (u16, Option<u64>, Value) {
    let mut desk = desk();
    assert!(matches!(ask(&mut desk, 1, request, at(0)), Reply::Later));
    let wanted = desk.cache.next_request(at(0).instant).expect("to be fetched");
    let answers = desk.fetched(&wanted, result, at(0).instant);
    assert_eq!(answers.len(), 1);
    told(&answers[0].1)
}

fn refused(grant: Grant, status: u16, error: &str) -> TokenError {
    let error = Text::from(error);
    TokenError::Refused { grant, status, error, description: Text::new(), retry_after: None, undated: false }
}

#[test]
fn a_token_comes_later_for_all_who_wait_in_one_answer_and_then_at_once_with_what_is_left() {
    let mut desk = desk();
    for id in 1..=3 {
        assert!(matches!(ask(&mut desk, id, &gateway(), at(1000)), Reply::Later));
    }
    let wanted = desk.cache.next_request(at(1000).instant).expect("to be fetched");
    let fetched = token(7, at(1000).instant, LIFE);
    let answers = desk.fetched(&wanted, Ok(fetched.clone()), at(1500).instant);
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
    assert_eq!(now(ask(&mut desk, 4, &gateway(), at(250_999))), (200, None, body(50)));
    assert!(matches!(ask(&mut desk, 5, &gateway(), at(301_000)), Reply::Later), "it has ended");
}

#[test]
fn an_exchanged_token_says_that_it_is_an_access_token() {
    let (status, _, body) = after(&exchange("subject"), Ok(token(1, at(0).instant, LIFE)));
    assert_eq!((status, &body["issued_token_type"]), (200, &json!(ACCESS_TOKEN)));
}

#[test]
fn what_fails_is_the_callers_fault_only_where_it_gave_the_token_and_never_a_401() {
    let stalled = |grant| TokenError::Unanswered {
        grant,
        trouble: Trouble::new(TroubleKind::Stalled, format_args!("x")),
    };
    let (own, theirs) = (Grant::ClientCredentials, Grant::Exchange);
    for (error, status, code) in [
        (refused(own, 401, "invalid_client"), 502, "token_request_failed"),
        (refused(own, 400, "invalid_scope"), 502, "token_request_failed"),
        (refused(own, 403, "access_denied"), 502, "token_request_failed"),
        (refused(theirs, 400, "invalid_request"), 400, "token_exchange_failed"),
        (refused(theirs, 403, "access_denied"), 403, "token_exchange_failed"),
        (refused(theirs, 401, "invalid_client"), 502, "token_exchange_failed"),
        (TokenError::Unusable { grant: theirs, flaw: Flaw::SubjectExpired }, 400, "token_exchange_failed"),
        (TokenError::Unusable { grant: theirs, flaw: Flaw::NoExpiry }, 502, "token_exchange_failed"),
        (TokenError::Failed { grant: own, status: 401, retry_after: None }, 502, "token_request_failed"),
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
    let busy = TokenError::Failed { grant: own, status: 429, retry_after: Some(Duration::from_secs(60)) };
    let (_, retry_after, _) = after(&gateway(), Err(busy));
    assert!(retry_after >= Some(60), "{retry_after:?}");
}

#[test]
fn trouble_with_the_sts_is_told_until_there_is_a_token_and_that_of_one_audience_is_not() {
    let mut desk = desk();
    let health = |desk: &mut Desk| now(ask(desk, 99, &Request::Health, at(0))).2["token_trouble"].take();
    let fetch = |desk: &mut Desk, secs: u64, result| {
        let when = at(secs * 1000);
        assert!(matches!(ask(desk, secs, &gateway(), when), Reply::Later));
        let wanted = desk.cache.next_request(when.instant).expect("to be fetched");
        desk.fetched(&wanted, result, when.instant);
    };
    let own = Grant::ClientCredentials;
    fetch(&mut desk, 0, Err(refused(own, 400, "invalid_scope")));
    assert_eq!(health(&mut desk), Value::Null);
    fetch(&mut desk, 1000, Err(TokenError::Failed { grant: own, status: 503, retry_after: None }));
    assert_eq!(health(&mut desk), "token_request_failed");
    fetch(&mut desk, 2000, Ok(token(1, at(2_000_000).instant, LIFE)));
    assert_eq!(health(&mut desk), Value::Null);
    fetch(&mut desk, 3000, Err(refused(own, 401, "invalid_client")));
    assert_eq!(health(&mut desk), "token_request_failed");
    desk.start_over();
    assert_eq!(health(&mut desk), Value::Null);
}

#[test]
fn what_no_rule_allows_is_not_asked_for() {
    let mut desk = desk();
    let archive =
        Request::Token { audience: Some(String::from("archive").into()), scope: None, refused: None };
    let (status, _, body) = now(ask(&mut desk, 1, &archive, at(0)));
    assert_eq!((status, &body["error"]["code"]), (403, &json!("not_allowed")));
    let (status, _, body) = now(ask(&mut desk, 1, &exchange("not visible"), at(0)));
    assert_eq!((status, &body["error"]["code"]), (400, &json!("invalid_request")));
    assert_eq!((desk.cache.next_request(at(0).instant), desk.cache.deadline()), (None, None));
}

#[test]
fn one_exchange_too_many_is_told_to_come_back() {
    let mut desk = desk();
    let mut id = 0;
    let refusal = loop {
        id += 1;
        assert!(id < 100, "there is no end to them");
        match ask(&mut desk, id, &exchange(&format!("subject-{id}")), at(0)) {
            Reply::Later => {}
            Reply::Now(answer) => break told(&answer),
        }
    };
    assert_eq!((refusal.0, refusal.1, &refusal.2["error"]["code"]), (503, Some(5), &json!("busy")));
    assert!(id > 40, "{id}");
    // Their number is no concern of the node's own.
    assert!(matches!(ask(&mut desk, 100, &gateway(), at(0)), Reply::Later));
}
