//! Failures that affect all tokens, and their end.

use node_core::text::Text;
use node_core::time::UnixTime;

use super::*;
use crate::broker::rules::tests::rules;

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

/// A handler for which requests have failed for these reasons, one long after the other.
fn handler_after(errors: &[TokenError]) -> Handler {
    let mut handler = Handler::new(rules(), 1);
    for (nth, error) in (1..).zip(errors) {
        let now = Now { instant: Instant::from_millis(nth * LATER), wall: UnixTime(0) };
        let request = BrokerRequest::Token {
            audience: Some(String::from("gateway").into()),
            scope: None,
            refused: None,
        };
        let about = About { outcome: Outcome::Valid, view: &|| unreachable!("nobody asks for it") };
        let caller = Caller { uid: 1000, gid: 1000 };
        assert!(matches!(
            handler.reply(ConnectionId(nth), caller, 1000, &request, &about, now),
            Reply::Later
        ));
        let wanted = handler.cache.next_request(now.instant).expect("to be fetched");
        handler.fetched(&wanted, Err(error.clone()), now.instant);
    }
    handler
}

#[test]
fn refusal_by_the_sts_ends_its_failure() {
    for answer in [
        refused(400, "invalid_scope"),
        TokenError::Unusable { grant: OWN, flaw: InvalidTokenError::NoExpiry },
    ] {
        assert!(handler_after(&[AWAY]).trouble.is_some());
        assert_eq!(handler_after(&[AWAY, answer]).trouble, None);
    }
}

#[test]
fn permanent_failure_differs_from_a_passing_one() {
    let trouble = handler_after(&[AWAY, refused(401, "invalid_client")]).trouble;
    assert_ne!(trouble, handler_after(&[AWAY]).trouble, "or it would not be logged");
    assert_eq!(trouble, handler_after(&[refused(401, "invalid_client")]).trouble);
}

#[test]
fn permanent_failure_is_forgotten_at_a_reload() {
    let mut handler = handler_after(&[refused(401, "invalid_client")]);
    handler.forgive();
    assert_eq!(handler.trouble, None);
    let mut handler = handler_after(&[AWAY]);
    handler.forgive();
    assert!(handler.trouble.is_some(), "nothing is known of that");
}
