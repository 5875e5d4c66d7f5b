//! What is in the way of everybody's tokens, and what is not any more.

use node_core::text::Text;
use node_core::time::UnixTime;

use super::*;
use crate::broker::rules::tests::rules;

const OWN: Grant = Grant::ClientCredentials;
/// Longer than what fails stands in the way.
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

const AWAY: TokenError = TokenError::Failed { grant: OWN, status: 503, retry_after: None };

/// A desk where tokens were asked for in vain for these reasons, one long after the other.
fn desk_after(errors: &[TokenError]) -> Desk {
    let mut desk = Desk::new(rules(), 1);
    for (nth, error) in (1..).zip(errors) {
        let now = Now { instant: Instant::from_millis(nth * LATER), wall: UnixTime(0) };
        let request =
            Request::Token { audience: Some(String::from("gateway").into()), scope: None, refused: None };
        let about = About { outcome: Outcome::Valid, view: &|| unreachable!("nobody asks for it") };
        let caller = Caller { uid: 1000, gid: 1000 };
        assert!(matches!(desk.reply(Id(nth), caller, &request, &about, now), Reply::Later));
        let wanted = desk.cache.next_request(now.instant).expect("to be fetched");
        desk.fetched(&wanted, Err(error.clone()), now.instant);
    }
    desk
}

#[test]
fn an_sts_that_answers_is_no_trouble_even_if_it_answers_no() {
    for answer in [refused(400, "invalid_scope"), TokenError::Unusable { grant: OWN, flaw: Flaw::NoExpiry }] {
        assert!(desk_after(&[AWAY]).trouble.is_some());
        assert_eq!(desk_after(&[AWAY, answer]).trouble, None);
    }
}

#[test]
fn what_lasts_until_somebody_mends_it_is_told_from_what_passes() {
    let trouble = desk_after(&[AWAY, refused(401, "invalid_client")]).trouble;
    assert_ne!(trouble, desk_after(&[AWAY]).trouble, "or it would not be logged");
    assert_eq!(trouble, desk_after(&[refused(401, "invalid_client")]).trouble);
}

#[test]
fn what_may_have_been_mended_is_no_trouble_until_it_is_tried() {
    let mut desk = desk_after(&[refused(401, "invalid_client")]);
    desk.forgive();
    assert_eq!(desk.trouble, None);
    let mut desk = desk_after(&[AWAY]);
    desk.forgive();
    assert!(desk.trouble.is_some(), "nothing is known of that");
}
