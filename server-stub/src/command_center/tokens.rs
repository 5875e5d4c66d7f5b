//! Provisioning tokens.

use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::state::Now;
use crate::secrets::{fingerprint, random};

/// The unspent tokens by their fingerprints.
#[derive(Default)]
pub(super) struct ProvisioningTokens(HashMap<[u8; 32], Token>);

/// What a token is good for.
#[derive(Clone)]
pub(super) struct Token {
    /// The node that it lets in. None: any, which only the stub itself gives out.
    node_id: Option<String>,
    pub(super) household_id: String,
    pub(super) room: Option<String>,
    pub(super) name: Option<String>,
    expires: Instant,
}

impl ProvisioningTokens {
    /// A new token for one enrolment. It replaces the unspent ones of the same node.
    pub(super) fn issue(
        &mut self,
        node_id: Option<&str>,
        household_id: &str,
        room: Option<String>,
        name: Option<String>,
        life: Duration,
        now: Now,
    ) -> String {
        // 32 random bytes, as Python's `secrets.token_urlsafe(32)` gives.
        let token = format!("prov_{}", URL_SAFE_NO_PAD.encode(random::<32>()));
        self.0.retain(|_, kept| {
            kept.expires > now.tick && (node_id.is_none() || kept.node_id.as_deref() != node_id)
        });
        let expires = now.tick + life;
        let node_id = node_id.map(str::to_owned);
        let given = Token { node_id, household_id: household_id.to_owned(), room, name, expires };
        self.0.insert(fingerprint(&token), given);
        token
    }

    /// What an unspent token is good for. None: it is unknown, spent, too old, or of another node.
    pub(super) fn find(&self, token: &str, node_id: &str, now: Now) -> Option<Token> {
        let found = self.0.get(&fingerprint(token))?;
        let fits = found.expires > now.tick && found.node_id.as_deref().is_none_or(|own| own == node_id);
        fits.then(|| found.clone())
    }

    pub(super) fn spend(&mut self, token: &str) {
        self.0.remove(&fingerprint(token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(600);

    fn issued(tokens: &mut ProvisioningTokens, node_id: Option<&str>, now: Now) -> String {
        tokens.issue(node_id, "household", None, None, LIFE, now)
    }

    #[test]
    fn token_is_for_its_node_until_it_is_spent() {
        let (mut tokens, now) = (ProvisioningTokens::default(), Now::read());
        let token = issued(&mut tokens, Some("attic-pi"), now);
        assert_eq!(token.len(), "prov_".len() + 43);
        assert!(tokens.find(&token, "cellar-pi", now).is_none());
        assert!(tokens.find(&token, "attic-pi", now).is_some());
        tokens.spend(&token);
        assert!(tokens.find(&token, "attic-pi", now).is_none());
    }

    #[test]
    fn new_token_of_a_node_replaces_its_old_one() {
        let (mut tokens, now) = (ProvisioningTokens::default(), Now::read());
        let [first, second] = [(); 2].map(|()| issued(&mut tokens, Some("attic-pi"), now));
        assert!(tokens.find(&first, "attic-pi", now).is_none());
        assert!(tokens.find(&second, "attic-pi", now).is_some());
    }

    #[test]
    fn token_expires_with_its_life() {
        let (mut tokens, now) = (ProvisioningTokens::default(), Now::read());
        let token = issued(&mut tokens, None, now);
        let after = |secs| Now { tick: now.tick + Duration::from_secs(secs), ..now };
        assert!(tokens.find(&token, "late-pi", after(599)).is_some());
        assert!(tokens.find(&token, "late-pi", after(600)).is_none());
    }
}
