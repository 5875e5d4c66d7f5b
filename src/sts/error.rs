//! Why there is no token, in a sentence that says what to do next. Holds no secret.

use std::fmt;
use std::time::Duration;

use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::trouble::{Trouble, TroubleKind};

/// How a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// For this node itself (RFC 6749, 4.4).
    ClientCredentials,
    /// On behalf of whoever the subject token is about (RFC 8693).
    Exchange,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// No answer of an STS came: name, network, TLS, clock or time.
    Unanswered {
        /// What was asked for.
        grant: Grant,
        /// What happened.
        trouble: Trouble,
    },
    /// The STS says no, in the form of RFC 6749, 5.2.
    Refused {
        /// What was asked for.
        grant: Grant,
        /// The status it came with.
        status: u16,
        /// `error`.
        error: Text<48>,
        /// `error_description`; empty where there is none, or where it repeats a secret.
        description: Text<160>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
        /// Whether it may be for how our proof was dated: by which clock the STS goes is not known.
        undated: bool,
    },
    /// An answer that is neither a token nor a refusal: overload, failure, something in the STS's place.
    Failed {
        /// What was asked for.
        grant: Grant,
        /// The status it came with.
        status: u16,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A token came, but not one that can be used.
    Unusable {
        /// What was asked for.
        grant: Grant,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

/// What is wrong with a token that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not three parts of JSON: opaque, encrypted, or damaged.
    NotAJwt,
    /// Signed in a way that no service should take, or not at all.
    Algorithm(Text<16>),
    /// A token for another purpose.
    NotAnAccessToken(Text<16>),
    /// To be used in another way than as a bearer's.
    Kind(Text<16>),
    /// Issued by somebody else.
    Issuer(Text<200>),
    /// Not meant for the audience asked for; the first that it is meant for.
    Audience(Text<128>),
    /// Issued to a client that is not in `azp`.
    Holder(Text<128>),
    /// It does not say when it ends.
    NoExpiry,
    /// It does not say when it was issued, and nothing else tells how old it is.
    Undated,
    /// It ended before it was here.
    Expired,
    /// Services will not take it yet.
    NotYetValid,
    /// The token it was exchanged for has ended.
    SubjectExpired,
}

/// What an error is about, and so what else it stands in the way of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The STS, whatever is asked for.
    Sts,
    /// This node as its client, whatever is asked for.
    Client,
    /// This way of asking, whatever for: the client may have leave for another.
    Grant,
    /// What was asked for, and nothing else.
    Wanted,
}

impl TokenError {
    /// Its name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        if self.is_timeout() {
            return "sts_timeout";
        }
        match self.grant() {
            Grant::ClientCredentials => "token_request_failed",
            Grant::Exchange => "token_exchange_failed",
        }
    }

    /// What was asked for.
    #[must_use]
    pub const fn grant(&self) -> Grant {
        match self {
            Self::Unanswered { grant, .. }
            | Self::Refused { grant, .. }
            | Self::Failed { grant, .. }
            | Self::Unusable { grant, .. } => *grant,
        }
    }

    /// Whether the STS took the request and then too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Unanswered { trouble, .. } if trouble.kind == TroubleKind::Stalled)
    }

    /// The status the STS answered with, if it did and what it said was no token.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Failed { status, .. } => Some(*status),
            Self::Unanswered { .. } | Self::Unusable { .. } => None,
        }
    }

    /// Whether asking again is of no use before the configuration changes here or there.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused { error, undated: false, .. }
            if error.is("invalid_client") || error.is("unauthorized_client"))
    }

    /// The same, where what it refuses may be how our proof was dated.
    #[must_use]
    pub(super) fn for_its_date(mut self) -> Self {
        if let Self::Refused { undated, .. } = &mut self {
            *undated = true;
        }
        self
    }

    /// What else it stands in the way of.
    #[must_use]
    pub fn concern(&self) -> Concern {
        match self {
            // With this status it is about who asks, with others about what for: Keycloak's 400
            // invalid_client is "Audience not found".
            Self::Refused { status: 401, error, .. } if error.is("invalid_client") => Concern::Client,
            // A client may exchange though it has no tokens of its own (Keycloak: service accounts off), and
            // the other way round (RFC 6749, 5.2: "this authorization grant type").
            Self::Refused { status: 401, error, .. } if error.is("unauthorized_client") => Concern::Grant,
            // One caller's odd token may do that to a server or to a proxy before it, and others must not pay
            // for it. What comes before a request is sent is of everybody's all the same.
            Self::Failed { grant: Grant::Exchange, .. } => Concern::Wanted,
            Self::Unanswered { grant: Grant::Exchange, trouble }
                if matches!(
                    trouble.kind,
                    TroubleKind::Stalled | TroubleKind::ClosedEarly | TroubleKind::NotUnderstood
                ) =>
            {
                Concern::Wanted
            }
            Self::Unanswered { .. } | Self::Failed { .. } => Concern::Sts,
            Self::Refused { .. } | Self::Unusable { .. } => Concern::Wanted,
        }
    }

    /// How long the STS wants to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Failed { retry_after, .. } => *retry_after,
            Self::Unanswered { .. } | Self::Unusable { .. } => None,
        }
    }

    /// The outcome whose exit code it ends a command with.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Unanswered { trouble, .. } => trouble.kind.outcome(),
            Self::Refused { .. } => Outcome::AppRejected,
            Self::Failed { .. } | Self::Unusable { .. } => Outcome::Server,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered { trouble, .. } => write!(f, "the STS gave no answer: {}", trouble.reason),
            Self::Refused { status, error, description, grant, undated, .. } => {
                write!(f, "the STS refuses ({status} {error}")?;
                if !description.as_str().is_empty() {
                    write!(f, ": {description}")?;
                }
                f.write_str("); ")?;
                if *undated && self.concern() != Concern::Wanted {
                    f.write_str(
                        "check that this board's clock is right (the key's proof is dated by it), and ",
                    )?;
                }
                f.write_str(match (self.concern(), grant) {
                    (Concern::Client | Concern::Grant, _) => CHECK_CLIENT,
                    (_, Grant::ClientCredentials) if self.is_permanent() => CHECK_CLIENT,
                    (_, Grant::Exchange) => {
                        "check the subject token, and that the STS lets this client exchange it for that audience"
                    }
                    (_, Grant::ClientCredentials) => {
                        "check audience and scope in sts, and what the STS allows this client"
                    }
                })
            }
            Self::Failed { status: 429, .. } => {
                f.write_str("the STS is asked too often and wants to be left alone (429); wait")
            }
            Self::Failed { status: 500..=599, .. } => {
                write!(
                    f,
                    "the STS or a proxy before it failed ({}); wait, and if it lasts look at its log",
                    self.status().unwrap_or_default()
                )
            }
            Self::Failed { status, .. } => write!(
                f,
                "what answered ({status}) is not a token endpoint; check issuer and token_endpoint in sts"
            ),
            Self::Unusable { flaw, .. } => write!(f, "the STS sent a token that cannot be used: {flaw}"),
        }
    }
}

const CHECK_CLIENT: &str = "check client_id in sts, that its secret or key is the one registered at the STS, and that it is enabled there \
     for this grant and audience; then reload";

impl std::error::Error for TokenError {}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAJwt => f.write_str("it is no signed JWT; have the STS issue those"),
            Self::Algorithm(alg) => {
                write!(f, "it is signed by '{alg}'; have the STS sign with RS256, ES256 or EdDSA")
            }
            Self::NotAnAccessToken(typ) => {
                write!(f, "it is of type '{typ}', not an access token; look at the STS's client settings")
            }
            Self::Kind(kind) => {
                write!(f, "it is of kind '{kind}', not a bearer's; look at the STS's client settings")
            }
            Self::Issuer(iss) => {
                write!(f, "it is issued by '{iss}'; set issuer in sts to that if it is right")
            }
            Self::Audience(aud) => write!(
                f,
                "it is not for this audience but for '{aud}'; give the client an audience mapper at the STS"
            ),
            Self::Holder(azp) => {
                write!(f, "it is issued to '{azp}', which is not in azp; see audiences in sts")
            }
            Self::NoExpiry => f.write_str("it does not say when it expires; have the STS put exp into it"),
            Self::Undated => f.write_str(
                "how old it is cannot be told, as neither it nor the STS nor this board's clock knows the time; \
                 have the STS put iat into it",
            ),
            Self::Expired => {
                f.write_str("it had expired when it came; check its lifespan and the clock at the STS")
            }
            Self::NotYetValid => f.write_str("it is valid only later; check the clock at the STS"),
            Self::SubjectExpired => f.write_str("the subject token has expired; bring a new one"),
        }
    }
}
