//! The reasons why there is no token, each with what to do about it. They contain no secret.

mod sentence;

use std::time::Duration;

use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::trouble::{Trouble, TroubleKind};
use thiserror::Error;

use self::sentence::REALM_OFF;

/// How a token is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// For this node itself (RFC 6749, section 4.4).
    ClientCredentials,
    /// On behalf of the subject of another token (RFC 8693).
    Exchange,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// No STS answered: name resolution, network, TLS or time-out, or the clock is not set.
    Unanswered {
        /// The grant that was used.
        grant: Grant,
        /// The cause.
        trouble: Trouble,
    },
    /// The STS refused the request (RFC 6749, section 5.2).
    Refused {
        /// The grant that was used.
        grant: Grant,
        /// The status code of the answer.
        status: u16,
        /// `error`.
        error: Text<48>,
        /// `error_description`; empty if there is none, or if it repeats a secret.
        description: Text<160>,
        /// The time for which the STS wants no request.
        retry_after: Option<Duration>,
        /// Whether the refusal may be about the date of our assertion: the STS's clock is not known.
        undated: bool,
    },
    /// The answer is neither a token nor a refusal: the STS is overloaded or broken, or something else
    /// answers at its address.
    Failed {
        /// The grant that was used.
        grant: Grant,
        /// The status code of the answer.
        status: u16,
        /// Who seems to have answered.
        by: Answerer,
        /// The setting or the variable that leads to the token endpoint.
        address: &'static str,
        /// The time for which the STS wants no request.
        retry_after: Option<Duration>,
    },
    /// The STS issued a token that cannot be used.
    Unusable {
        /// The grant that was used.
        grant: Grant,
        /// The reason.
        flaw: InvalidTokenError,
    },
}

/// Who answered a request for a token with neither a token nor a refusal of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answerer {
    /// The STS or a proxy before it, which has trouble of its own.
    Troubled,
    /// Something before the STS: a proxy, a portal. The words say what it does.
    Between(&'static str),
    /// The STS, which has no token endpoint there: another path or an unknown realm.
    Pathless,
    /// The STS, which takes no plain HTTP.
    TlsOnly,
    /// Something that points elsewhere.
    Redirecting,
    /// Anything else.
    Unknown,
}

/// The reason why an issued token cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidTokenError {
    /// It is not a signed JWT: opaque, encrypted or damaged.
    #[error(
        "it is no signed JWT; have the STS issue those (some do for a resource: set that in the audience's rule), or set \
         \"opaque\": true in that rule if the service takes others"
    )]
    NotAJwt,
    /// It does not name its key.
    #[error("it names no key (kid), by which services look up the STS's; have the STS put it in")]
    NoKid,
    /// It is opaque, and its answer does not say how long it lives.
    #[error("it is opaque and came without expires_in; have the STS send that")]
    NoLife,
    /// It is opaque, and no header could carry it.
    #[error("it is empty or no header can carry it; look at what the STS issues")]
    Unsendable,
    /// Its signature algorithm is one that no service should accept, or there is none.
    #[error("it is signed by '{0}'; have the STS sign with RS256, ES256 or EdDSA")]
    Algorithm(Text<16>),
    /// It is a token for another purpose.
    #[error("it is of type '{0}', not an access token; look at the STS's client settings")]
    NotAnAccessToken(Text<16>),
    /// It is not a bearer token.
    #[error("it is of kind '{0}', not a bearer's; look at the STS's client settings")]
    Kind(Text<16>),
    /// Another issuer issued it.
    #[error("it is issued by '{0}'; set the issuer to that if it is right")]
    Issuer(Text<200>),
    /// It is for other audiences; this is the first of them.
    #[error("it is not for this audience but for {}; give the client an audience mapper at the STS, or set \
         resource in the audience's rule (RFC 8707)", quoted(.0))]
    Audience(Text<128>),
    /// It was issued to a client that is not in `azp`; without an audience, to another than this node's.
    #[error("its azp, or client_id in its place, is {}, which is not in azp of sts.audiences; without an audience that \
         is client_id", quoted(.0))]
    Holder(Text<128>),
    /// It has no expiry date.
    #[error("it does not say when it expires; have the STS put exp into it")]
    NoExpiry,
    /// It has no issue date, and no clock is known that tells its age.
    #[error(
        "how old it is cannot be told, as neither it nor the STS nor this board's clock knows the time; \
         have the STS put iat into it"
    )]
    Undated,
    /// It had expired before it arrived.
    #[error("it had expired when it came; check its lifespan and the clock at the STS")]
    Expired,
    /// It becomes valid only in the future.
    #[error("it is valid only later; check the clock at the STS")]
    NotYetValid,
    /// The token that it was exchanged for has expired.
    #[error("the subject token has expired; bring a new one")]
    SubjectExpired,
}

impl InvalidTokenError {
    /// The error without a text of the token that is a secret.
    pub(super) fn without(self, is_secret: &dyn Fn(&str) -> bool) -> Self {
        fn shown<const N: usize>(text: Text<N>, is_secret: &dyn Fn(&str) -> bool) -> Text<N> {
            if is_secret(text.as_str()) { Text::from("…") } else { text }
        }
        match self {
            Self::Algorithm(alg) => Self::Algorithm(shown(alg, is_secret)),
            Self::NotAnAccessToken(typ) => Self::NotAnAccessToken(shown(typ, is_secret)),
            Self::Kind(kind) => Self::Kind(shown(kind, is_secret)),
            Self::Issuer(iss) => Self::Issuer(shown(iss, is_secret)),
            Self::Audience(aud) => Self::Audience(shown(aud, is_secret)),
            Self::Holder(azp) => Self::Holder(shown(azp, is_secret)),
            wordless @ (Self::NotAJwt
            | Self::NoKid
            | Self::NoLife
            | Self::Unsendable
            | Self::NoExpiry
            | Self::Undated
            | Self::Expired
            | Self::NotYetValid
            | Self::SubjectExpired) => wordless,
        }
    }
}

fn quoted(audience: &Text<128>) -> String {
    if audience.as_str().is_empty() { "none".into() } else { format!("'{audience}'") }
}

/// The subject of an error. The error blocks every request that shares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The STS: every request.
    Sts,
    /// This node as a client of the STS: every request.
    Client,
    /// The grant: a client may be allowed to use the other one.
    Grant,
    /// This one request.
    Wanted,
}

impl TokenError {
    /// An answer of an STS that has trouble of its own.
    #[cfg(test)]
    pub(crate) const fn troubled(grant: Grant, status: u16, retry_after: Option<Duration>) -> Self {
        Self::Failed { grant, status, by: Answerer::Troubled, address: "sts.issuer", retry_after }
    }

    /// The machine-readable name of the error.
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

    /// The grant that was used.
    #[must_use]
    pub const fn grant(&self) -> Grant {
        match self {
            Self::Unanswered { grant, .. }
            | Self::Refused { grant, .. }
            | Self::Failed { grant, .. }
            | Self::Unusable { grant, .. } => *grant,
        }
    }

    /// Whether the STS accepted the request but did not answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Unanswered { trouble, .. } if trouble.kind == TroubleKind::Stalled)
    }

    /// The status code of the STS, if it answered with an error.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Failed { status, .. } => Some(*status),
            Self::Unanswered { .. } | Self::Unusable { .. } => None,
        }
    }

    /// Whether a retry is pointless until the configuration changes, here or at the STS.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused { error, undated: false, .. }
            if error.is("invalid_client") || error.is("unauthorized_client"))
    }

    /// Marks a refusal that may be about the date of our assertion.
    #[must_use]
    pub(super) fn for_its_date(mut self) -> Self {
        if let Self::Refused { undated, .. } = &mut self {
            *undated = true;
        }
        self
    }

    /// The subject of the error.
    #[must_use]
    pub fn concern(&self) -> Concern {
        match self {
            Self::Refused { description, .. } if description.is(REALM_OFF) => Concern::Sts,
            // A client may be allowed to exchange tokens though it gets none of its own (Keycloak: service
            // accounts off), and the other way round (RFC 6749, section 5.2: "this authorization grant
            // type").
            Self::Refused { status: 401, error, .. } if error.is("unauthorized_client") => Concern::Grant,
            // Any answer to an exchange may be due to the token that one caller brought, also that of a
            // server or a proxy which fails over it. It must not block other callers. Failures before the
            // request was sent concern every request.
            Self::Refused { grant: Grant::Exchange, .. } | Self::Failed { grant: Grant::Exchange, .. } => {
                Concern::Wanted
            }
            Self::Unanswered { grant: Grant::Exchange, trouble }
                if matches!(
                    trouble.kind,
                    TroubleKind::Stalled | TroubleKind::ClosedEarly | TroubleKind::NotUnderstood
                ) =>
            {
                Concern::Wanted
            }
            // With a 401 this is about the client. With other statuses it is about the request: Keycloak's
            // 400 invalid_client means "Audience not found".
            Self::Refused { status: 401, error, .. }
                if error.is("invalid_client") || error.as_str().is_empty() =>
            {
                Concern::Client
            }
            Self::Unanswered { .. } | Self::Failed { .. } => Concern::Sts,
            Self::Refused { .. } | Self::Unusable { .. } => Concern::Wanted,
        }
    }

    /// Whether it shows that the STS answers and accepts this node as its client.
    #[must_use]
    pub(super) fn is_by_a_willing_sts(&self) -> bool {
        match self {
            Self::Refused { description, .. } => !self.is_about_client() && !description.is(REALM_OFF),
            Self::Unusable { .. } => true,
            Self::Unanswered { .. } | Self::Failed { .. } => false,
        }
    }

    /// The time for which the STS wants no request.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Failed { retry_after, .. } => *retry_after,
            Self::Unanswered { .. } | Self::Unusable { .. } => None,
        }
    }

    /// The outcome that determines a command's exit code.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Unanswered { trouble, .. } => trouble.kind.outcome(),
            Self::Refused { .. } => Outcome::AppRejected,
            Self::Failed { .. } | Self::Unusable { .. } => Outcome::Server,
        }
    }
}

impl std::error::Error for TokenError {}
