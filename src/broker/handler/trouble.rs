//! Failures that affect all tokens, and their end.

use node_core::text::Text;
use node_core::time::UnixTime;
use node_core::trouble::Trouble;

use super::*;
use crate::broker::rules::tests::rules;
use crate::sts::test_token;

const OWN: Grant = Grant::ClientCredentials;
/// Longer than a failure delays the next request, in milliseconds.
const LATER: u64 = 1_000_000;

fn refused(status: u16, error: &str) -> TokenError {
    let error = Text::from(error);
    TokenError::Refused {
        grant: OWN,
        status,
        error,
        description: Text::new(),
        retry_after: None,
        undated: false,
    }
}

const AWAY: TokenError = TokenError::troubled(OWN, 503, None);

const fn at(nth: u64) -> Instant {
    Instant::from_millis(nth * LATER)
}

fn ask(handler: &mut Handler, nth: u64, request: &BrokerRequest) -> Reply {
    let about =
        About { outcome: Outcome::Valid, view: &|| unreachable!("nobody asks for it"), metrics: &|_| () };
    let now = Now { instant: at(nth), wall: UnixTime(0) };
    handler.reply(ConnectionId(nth), Caller { uid: 1000, gid: 1000 }, 1000, request, &about, now)
}

fn own(handler: &mut Handler, nth: u64) -> Reply {
    let audience = Some(String::from("gateway").into());
    ask(handler, nth, &BrokerRequest::Token { audience, scope: None, refused: None })
}

/// A handler for which requests have failed for these reasons, one long after the other.
fn handler_after(errors: &[TokenError]) -> Handler {
    let mut handler = Handler::new(rules(), 1);
    for (nth, error) in (1..).zip(errors) {
        assert!(matches!(own(&mut handler, nth), Reply::Later));
        let wanted = handler.cache.next_request(at(nth)).expect("to be fetched");
        handler.fetched(&wanted, Err(error.clone()), at(nth));
    }
    handler
}

fn told(handler: &Handler) -> Vec<String> {
    handler.warnings().map(|one| format!("{}. {}", one.message, one.fix)).collect()
}

#[test]
fn refusal_by_the_sts_ends_its_failure() {
    for answer in [
        refused(400, "invalid_scope"),
        TokenError::Unusable { grant: OWN, flaw: InvalidTokenError::NoExpiry },
    ] {
        assert_eq!(told(&handler_after(&[AWAY])).len(), 1);
        assert!(told(&handler_after(&[AWAY, answer])).is_empty());
    }
}

#[test]
fn failure_is_told_with_its_last_cause() {
    let other = TokenError::troubled(OWN, 500, None);
    let last = told(&handler_after(&[AWAY, other.clone()]));
    assert_eq!(last, told(&handler_after(&[other])));
    assert!(last[0].contains("500") && last[0].contains("when a program next wants a token"), "{last:?}");
    let last = told(&handler_after(&[AWAY, refused(401, "invalid_client")]));
    assert_eq!(last, told(&handler_after(&[refused(401, "invalid_client")])));
    assert!(last[0].contains("again after a reload"), "{last:?}");
}

#[test]
fn failure_is_forgotten_at_a_reload_with_its_delay() {
    let long = TokenError::troubled(OWN, 429, Some(Duration::from_secs(100_000)));
    for error in [refused(401, "invalid_client"), AWAY, long] {
        let mut handler = handler_after(&[error]);
        handler.forgive();
        assert!(told(&handler).is_empty());
        assert!(matches!(own(&mut handler, 1), Reply::Later), "it is asked at once");
    }
}

#[test]
fn refused_grant_is_told_until_it_is_granted() {
    let mut handler = handler_after(&[]);
    let off = TokenError::Refused {
        grant: Grant::Exchange,
        status: 401,
        error: Text::from("unauthorized_client"),
        description: Text::new(),
        retry_after: None,
        undated: false,
    };
    let (audience, subject) = (Some(String::from("gateway").into()), String::from("x").into());
    let exchange = BrokerRequest::Exchange { audience, scope: None, subject };
    assert!(matches!(ask(&mut handler, 1, &exchange), Reply::Later));
    let wanted = handler.cache.next_request(at(1)).expect("to be fetched");
    handler.fetched(&wanted, Err(off), at(1));
    assert!(matches!(own(&mut handler, 2), Reply::Later), "the other grant goes on");
    let wanted = handler.cache.next_request(at(2)).expect("to be fetched");
    handler.fetched(&wanted, Ok(test_token(1, at(2), Duration::from_secs(300))), at(2));
    let told = told(&handler);
    assert!(told.len() == 1 && told[0].starts_with("no tokens can be exchanged: "), "{told:?}");
}

#[test]
fn command_of_a_fix_is_the_end_of_the_warning() {
    let trouble = Trouble::setup(format_args!("the file is open"), format_args!("sudo chmod 600 /x/secret"));
    let told = told(&handler_after(&[TokenError::Unanswered { grant: OWN, trouble }]));
    assert!(told[0].ends_with(" sudo chmod 600 /x/secret") && !told[0].contains(".."), "{told:?}");
}
