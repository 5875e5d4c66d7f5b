//! Refresh tokens: opaque, and replaced at each use.

use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use super::{Now, World};
use crate::secrets::{fingerprint, new_key};

/// How long a replaced token still returns its successor, so that a client that lost the answer can ask again
/// (docs/wire/jarvis-auth.md, "User auth").
const GRACE: Duration = Duration::from_secs(10);

/// Refresh tokens by their fingerprints.
#[derive(Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

struct Session {
    user_id: i64,
    expires: Instant,
    revoked: bool,
    /// The time of its use, and its successor.
    replaced: Option<(Instant, String)>,
}

/// The reason why there is no new token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRefresh {
    Invalid,
    Expired,
}

impl World {
    /// A first refresh token for a user, valid for `life`.
    pub(crate) fn open_session(&mut self, user_id: i64, life: Duration, now: Now) -> String {
        let token = new_key();
        let session = Session { user_id, expires: now.tick + life, revoked: false, replaced: None };
        self.sessions.0.insert(fingerprint(&token), session);
        token
    }

    /// The user of a refresh token, and the token that replaces it, valid for `life`.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        life: Duration,
        now: Now,
    ) -> Result<(i64, String), NoRefresh> {
        let used = self.sessions.0.get(&fingerprint(token)).ok_or(NoRefresh::Invalid)?;
        let user_id = used.user_id;
        if now.tick >= used.expires {
            return Err(NoRefresh::Expired);
        }
        if used.revoked {
            return Err(NoRefresh::Invalid);
        }
        if let Some((at, successor)) = &used.replaced {
            let repeated = now.tick.saturating_duration_since(*at) <= GRACE;
            return if repeated { Ok((user_id, successor.clone())) } else { Err(NoRefresh::Invalid) };
        }
        let successor = self.open_session(user_id, life, now);
        if let Some(used) = self.sessions.0.get_mut(&fingerprint(token)) {
            used.replaced = Some((now.tick, successor.clone()));
        }
        Ok((user_id, successor))
    }

    /// Ends a refresh token, if it exists.
    pub(crate) fn close_session(&mut self, token: &str) {
        if let Some(session) = self.sessions.0.get_mut(&fingerprint(token)) {
            session.revoked = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::state::First;
    use crate::home::Home;

    const LIFE: Duration = Duration::from_secs(1000);

    fn world() -> (World, Now) {
        let now = Now::read();
        let first = First { node_id: "kitchen-pi", node_key: "k", app_key: "a", member_password: "p" };
        (World::with(Home::Python, &first, now), now)
    }

    fn after(now: Now, seconds: u64) -> Now {
        Now { tick: now.tick + Duration::from_secs(seconds), ..now }
    }

    #[test]
    fn a_repeated_token_gives_the_same_successor_for_ten_seconds() {
        let (mut world, now) = world();
        let first = world.open_session(1, LIFE, now);
        let (_, second) = world.refresh(&first, LIFE, now).expect("a fresh token");
        assert_ne!(first, second);
        assert_eq!(world.refresh(&first, LIFE, after(now, 10)), Ok((1, second.clone())));
        assert_eq!(world.refresh(&first, LIFE, after(now, 11)), Err(NoRefresh::Invalid));
        assert!(world.refresh(&second, LIFE, after(now, 12)).is_ok(), "the newest still works");
    }

    #[test]
    fn tokens_expire_by_their_own_life() {
        let (mut world, now) = world();
        let token = world.open_session(1, LIFE, now);
        assert_eq!(world.refresh(&token, LIFE, after(now, 1000)), Err(NoRefresh::Expired));
    }

    #[test]
    fn a_closed_session_stays_closed() {
        let (mut world, now) = world();
        let token = world.open_session(1, LIFE, now);
        world.close_session(&token);
        world.close_session("never seen");
        assert_eq!(world.refresh(&token, LIFE, now), Err(NoRefresh::Invalid));
    }
}
