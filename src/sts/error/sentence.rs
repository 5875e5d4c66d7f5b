//! What a person is told when there is no token: the reason, and what to do about it.

use std::fmt;

use node_core::trouble::TroubleKind;

use super::{Answerer, Grant, TokenError};

impl TokenError {
    /// Whether it is this node as a client that the STS refuses.
    pub(super) fn is_about_client(&self) -> bool {
        match self {
            Self::Refused { status: 401, grant: Grant::ClientCredentials, .. } => true,
            Self::Refused { status, error, .. } => {
                (*status == 401 && error.as_str().is_empty())
                    || error.is("invalid_client")
                    || error.is("unauthorized_client")
            }
            Self::Unanswered { .. } | Self::Failed { .. } | Self::Unusable { .. } => false,
        }
    }

    /// What a person can do about a refusal.
    fn advice(&self) -> &'static str {
        let Self::Refused { status, error, description, grant, .. } = self else { return "" };
        match (error.as_str(), grant) {
            _ if description.is(REALM_OFF) => "enable the realm at the STS, or use another in the issuer",
            // Keycloak says this of an audience that it does not know.
            (_, Grant::Exchange) if self.is_about_client() && *status != 401 => {
                "check that the STS knows that audience and lets this client exchange tokens for it, and client_id and \
                 its secret or key in sts"
            }
            _ if self.is_about_client() => CHECK_CLIENT,
            ("unsupported_grant_type", Grant::ClientCredentials) => {
                "let this client have tokens of its own at the STS (the grant client_credentials; Keycloak: service \
                 accounts)"
            }
            ("unsupported_grant_type", Grant::Exchange) => {
                "let this client exchange tokens at the STS (Keycloak: standard token exchange)"
            }
            ("invalid_scope", _) => {
                "check scope in sts, or the caller's, and which scopes the STS gives this client"
            }
            (_, Grant::Exchange) => {
                "check the subject token, and that the STS lets this client exchange it for that audience"
            }
            ("invalid_grant", Grant::ClientCredentials) => {
                "look at this client's own account at the STS: it may be disabled or locked (Keycloak: the user of its \
                 service account)"
            }
            ("invalid_request", Grant::ClientCredentials) => {
                "the request did not come through whole, or this STS wants another: look at what is between the board \
                 and the STS (a proxy), and at the STS's log"
            }
            (_, Grant::ClientCredentials) => {
                "check audience and scope in sts, and what the STS allows this client"
            }
        }
    }
}

/// Keycloak's reason for every request to a realm that is switched off.
pub(super) const REALM_OFF: &str = "Realm not enabled";

impl TokenError {
    /// What can be done about it as sentences of their own, which may be a command; nothing if the reason says it.
    #[must_use]
    pub(crate) fn fix(&self) -> &str {
        match self {
            Self::Unanswered { trouble, .. } => trouble.fix.as_str(),
            Self::Refused { .. } | Self::Failed { .. } | Self::Unusable { .. } => "",
        }
    }

    /// It without its [`TokenError::fix`], and without a full stop.
    pub(crate) const fn reason(&self) -> Reason<'_> {
        Reason(self)
    }
}

/// The reason of an error, as it is shown.
pub(crate) struct Reason<'a>(&'a TokenError);

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)?;
        match self.fix() {
            "" => Ok(()),
            fix => write!(f, ". {}", fix.trim_end_matches('.')),
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use TokenError::{Failed, Refused, Unanswered, Unusable};
        match self.0 {
            Unanswered { trouble, .. } if trouble.kind == TroubleKind::Setup => {
                write!(f, "the STS cannot be asked: {}", trouble.reason)
            }
            Unanswered { trouble, .. } => write!(f, "the STS gave no answer: {}", trouble.reason),
            Refused { status, error, description, undated, .. } => {
                write!(f, "the STS refuses ({status}")?;
                if !error.as_str().is_empty() {
                    write!(f, " {error}")?;
                }
                if !description.as_str().is_empty() {
                    write!(f, ": {description}")?;
                }
                f.write_str("); ")?;
                if *undated && self.0.is_about_client() {
                    f.write_str(
                        "check that this board's clock is right (the key's proof is dated by it), and ",
                    )?;
                }
                f.write_str(self.0.advice())
            }
            Failed { status, by, address, .. } => match by {
                Answerer::Troubled if *status == 429 => {
                    f.write_str("the STS is asked too often and wants to be left alone (429); wait")
                }
                Answerer::Troubled => write!(
                    f,
                    "the STS or a proxy before it failed ({status}); wait, and if it lasts look at its log"
                ),
                Answerer::Between(between) => write!(
                    f,
                    "what answered in the place of the STS {between} ({status}); look at what is between the board \
                     and the STS (a proxy, a firewall, the network's log-in page), and check {address}"
                ),
                Answerer::Pathless => write!(
                    f,
                    "the STS has no token endpoint there ({status}); check the realm and the path in {address}"
                ),
                Answerer::TlsOnly => write!(
                    f,
                    "the STS takes no plain HTTP from this board ({status}); write https:// in {address}"
                ),
                Answerer::Redirecting => write!(
                    f,
                    "what answered points elsewhere ({status}), and secrets are not sent after it; put the address \
                     it points to into {address}, if that is the STS's"
                ),
                Answerer::Unknown => {
                    let then = if (400..=499).contains(status) {
                        "client_id, its secret or key, assertion_audience and scope, since some services refuse without a reason"
                    } else {
                        "the STS"
                    };
                    write!(
                        f,
                        "what answered ({status}) does not answer as a token endpoint does; check {address}, and if \
                         that is right {then}"
                    )
                }
            },
            Unusable { flaw, .. } => write!(f, "the STS sent a token that cannot be used: {flaw}"),
        }
    }
}

const CHECK_CLIENT: &str = "check client_id, that its secret or key is the one registered at the STS, and that it is enabled there \
     for this grant and audience; with a key also sts.assertion_audience, with client_secret_basic try \
     client_secret_post; then reload";
