//! Who calls: a node by its key, a user by an access token, an administrator by `ADMIN_API_KEY`.

use axum::http::{Extensions, HeaderMap, StatusCode, header, request};

use super::CommandCenter;
use super::refusal::Refused;
use crate::auth::asking::Asked;
use crate::auth::http::users::bearer;
use crate::auth::state::{HOUSEHOLD, Now};
use crate::home::Home;
use crate::home::form::missing_header;
use crate::home::refusal::Refusal;
use crate::secrets::equal;
use crate::server::faults::HomeFault;
use crate::server::journal::Waits;

const API_KEY: &str = "X-API-Key";
const INVALID: Refused = Refused::detail(StatusCode::UNAUTHORIZED, "Invalid API Key");

/// A node that has shown its key.
pub(super) struct Node {
    pub(super) id: String,
    pub(super) key: String,
}

impl CommandCenter {
    /// The node that calls. Any such call shows that it is online.
    pub(super) async fn node(&self, head: &request::Parts) -> Result<Node, Refused> {
        let shown = head.headers.get(API_KEY).ok_or_else(|| missing_header("x-api-key"))?;
        let shown = shown.to_str().map_err(|_| INVALID)?;
        let node = self.proven(shown, &head.extensions).await?;
        let lost = HomeFault::of(&head.extensions) == Some(HomeFault::RowMissing);
        let known = !lost && self.data().rows.touch(&node.id, Now::read());
        if known {
            Ok(node)
        } else {
            Err(Refused::detail(StatusCode::UNAUTHORIZED, "Node not configured locally"))
        }
    }

    /// The header is split at the first colon.
    async fn proven(&self, shown: &str, extensions: &Extensions) -> Result<Node, Refused> {
        let split = shown.split_once(':').map(|(id, key)| Node { id: id.to_owned(), key: key.to_owned() });
        let node = match (self.home(), split) {
            (Home::Jarvisd, Some(node)) if !node.key.is_empty() => node,
            (Home::Jarvisd, Some(_) | None) => return Err(INVALID),
            (Home::Python, Some(node)) => node,
            // A key alone is looked up among the rows, where it stays after the auth service has another.
            (Home::Python, None) => {
                let id = self.data().rows.with_key(shown).ok_or(INVALID)?;
                return Ok(Node { id, key: shown.to_owned() });
            }
        };
        match self.verdict(shown, &node, extensions).await {
            Asked::Valid { .. } => Ok(node),
            Asked::Rejected(reason) => Err(Refused::sentence(StatusCode::UNAUTHORIZED, reason)),
            Asked::Outage(reason) => match self.home() {
                // An outage looks like a rejection.
                Home::Python => Err(Refused::sentence(StatusCode::UNAUTHORIZED, reason)),
                Home::Jarvisd => Err(Refused(Refusal::Internal)),
            },
        }
    }

    async fn verdict(&self, shown: &str, node: &Node, extensions: &Extensions) -> Asked {
        let outage = match HomeFault::of(extensions) {
            Some(HomeFault::AuthUnavailable) => {
                Some("Auth service unavailable: [Errno 111] Connection refused")
            }
            Some(HomeFault::AuthError) => Some("Auth service error: 500"),
            Some(HomeFault::AuthNotConfigured) => Some("Auth not configured"),
            Some(_) | None => None,
        };
        let waits = extensions.get::<Waits>().cloned().unwrap_or_default();
        match (self.home(), outage) {
            (Home::Jarvisd, Some(_)) => Asked::Outage(String::new()),
            (Home::Jarvisd, None) => self.auth.verdict(waits, &node.id, &node.key).await,
            (Home::Python, outage) => {
                let remembered = self.verdicts.get(shown, Now::read());
                if let (None, Some(remembered)) = (outage, remembered) {
                    return remembered;
                }
                let asked = match outage {
                    Some(outage) => Asked::Outage(outage.to_owned()),
                    None => self.auth.verdict(waits, &node.id, &node.key).await,
                };
                self.verdicts.put(shown, asked.clone(), Now::read());
                asked
            }
        }
    }

    /// The user that calls, who must be a member of this household.
    pub(super) fn member(&self, headers: &HeaderMap, household_id: &str) -> Result<(), Refused> {
        let bad = |text| Refused(Refusal::Bearer(text));
        let token = bearer(headers).ok_or_else(|| bad("Missing or invalid Authorization header"))?;
        let invalid = Refused::detail(StatusCode::UNAUTHORIZED, "Invalid token");
        let user = self.auth.service().tokens.check(token, Now::read().wall).ok_or(invalid)?;
        self.is_member(user, household_id)
    }

    fn is_member(&self, user: i64, household_id: &str) -> Result<(), Refused> {
        let stranger = Refused::detail(StatusCode::FORBIDDEN, "User is not a member of this household");
        let world = self.auth.service().world();
        let is_member = world.households_of(user).any(|(id, _)| id == household_id);
        if is_member { Ok(()) } else { Err(stranger) }
    }

    /// Who asks for a provisioning token. A wrong `ADMIN_API_KEY` ends it, whatever stands beside it. Python asks
    /// the auth service about a token, and takes an outage for a bad one [provisioning].
    pub(super) async fn minter(&self, headers: &HeaderMap) -> Result<Minter, Refused> {
        let refused = |text| Refused::detail(StatusCode::UNAUTHORIZED, text);
        let offered = headers.get(API_KEY).and_then(|key| key.to_str().ok()).filter(|key| !key.is_empty());
        if let Some(offered) = offered {
            let right = equal(offered, &self.admin_key);
            return if right { Ok(Minter::Administrator) } else { Err(refused("Invalid API key")) };
        }
        if !headers.contains_key(header::AUTHORIZATION) {
            return Err(refused("Authentication required"));
        }
        let token = bearer(headers).ok_or_else(|| refused("Authentication required"))?;
        let user = self.auth.user(token).await;
        user.map(Minter::User).ok_or_else(|| refused("Invalid or expired JWT"))
    }

    /// Whether the minter may let nodes into a household. Python lets any user.
    pub(super) fn may_mint(&self, minter: Minter, household_id: &str) -> Result<(), Refused> {
        match (self.home(), minter) {
            (Home::Jarvisd, Minter::User(user)) => self.is_member(user, household_id),
            (Home::Python, Minter::User(_)) | (_, Minter::Administrator) => Ok(()),
        }
    }

    /// The household of a node's row.
    pub(super) fn household_of(&self, node_id: &str) -> String {
        self.data().rows.get(node_id).map_or_else(|| HOUSEHOLD.to_owned(), |row| row.household_id.clone())
    }
}

/// Who may get a provisioning token.
#[derive(Clone, Copy)]
pub(super) enum Minter {
    Administrator,
    User(i64),
}
