//! Provisioning tokens, and the nodes that are enrolled with them.

use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use crate::auth::state::nodes::{NewNode, NotRegistered};
use crate::auth::state::{HOUSEHOLD, Now, SERVICE_ID, World};
use crate::secrets::{fingerprint, new_key};

/// The lifetime of a token (*documented*).
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(600);

/// The unused tokens: the time each was issued, by its fingerprint.
#[derive(Default)]
pub(super) struct ProvisioningTokens(HashMap<[u8; 32], Instant>);

/// The reason why a node was not enrolled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotEnrolled {
    /// Unknown, used or expired.
    Token,
    Exists,
}

impl ProvisioningTokens {
    /// A new token for one enrolment.
    pub(super) fn issue(&mut self, now: Now) -> String {
        let token = format!("prov_{}", new_key());
        self.0.retain(|_, given| now.tick.saturating_duration_since(*given) < TOKEN_LIFE);
        self.0.insert(fingerprint(&token), now.tick);
        token
    }

    /// Registers a node of the first household, granted [`SERVICE_ID`].
    ///
    /// *Assumption*: the token is checked before the node's name, and only a successful registration uses it
    /// up.
    pub(super) fn enrol(
        &mut self,
        world: &mut World,
        node_id: &str,
        node_key: &str,
        token: &str,
        room: Option<&str>,
        now: Now,
    ) -> Result<(), NotEnrolled> {
        let fingerprint = fingerprint(token);
        let given = self.0.get(&fingerprint).ok_or(NotEnrolled::Token)?;
        if now.tick.saturating_duration_since(*given) >= TOKEN_LIFE {
            return Err(NotEnrolled::Token);
        }
        let new = NewNode {
            node_id,
            node_key,
            household_id: HOUSEHOLD,
            name: room.unwrap_or(node_id),
            registered_by: None,
            services: &[SERVICE_ID.to_owned()],
        };
        world.register_node(new, now).map_err(|why| match why {
            NotRegistered::Exists | NotRegistered::NoHousehold => NotEnrolled::Exists,
        })?;
        self.0.remove(&fingerprint);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::state::First;
    use crate::auth::state::nodes::Verdict;

    fn world(now: Now) -> (World, ProvisioningTokens) {
        let first = First { node_id: "kitchen-pi", node_key: "key", app_key: "app" };
        (World::with(&first, now), ProvisioningTokens::default())
    }

    #[test]
    fn a_token_enrols_one_node_and_no_second() {
        let now = Now::read();
        let (mut world, mut tokens) = world(now);
        let token = tokens.issue(now);
        assert_eq!(tokens.enrol(&mut world, "attic-pi", "its-key", &token, Some("Attic"), now), Ok(()));
        assert!(matches!(world.validate("attic-pi", "its-key", SERVICE_ID), Ok(Verdict::Valid { .. })));
        assert_eq!(
            tokens.enrol(&mut world, "cellar-pi", "its-key", &token, None, now),
            Err(NotEnrolled::Token)
        );
    }

    #[test]
    fn a_name_that_is_taken_leaves_the_token_good() {
        let now = Now::read();
        let (mut world, mut tokens) = world(now);
        let token = tokens.issue(now);
        assert_eq!(tokens.enrol(&mut world, "kitchen-pi", "k", &token, None, now), Err(NotEnrolled::Exists));
        assert_eq!(tokens.enrol(&mut world, "attic-pi", "k", &token, None, now), Ok(()));
    }

    #[test]
    fn a_token_lives_for_ten_minutes() {
        let now = Now::read();
        let (mut world, mut tokens) = world(now);
        let token = tokens.issue(now);
        let after = |secs| Now { tick: now.tick + Duration::from_secs(secs), ..now };
        assert_eq!(
            tokens.enrol(&mut world, "late-pi", "k", &token, None, after(600)),
            Err(NotEnrolled::Token)
        );
        assert_eq!(tokens.enrol(&mut world, "late-pi", "k", &token, None, after(599)), Ok(()));
    }
}
