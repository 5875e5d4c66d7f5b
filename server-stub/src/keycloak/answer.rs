//! Errors in OAuth's form (RFC 6749, section 5.2), in Keycloak's words.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::server::answer::json as answer;
use crate::server::faults::Oauth;

/// A refusal of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TokenRefusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl TokenRefusal {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into() }
    }

    /// 400 with this error.
    pub(super) fn bad(error: &'static str, description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    /// 401: the client is unknown or disabled. The answer does not tell which.
    pub(super) fn unknown_client() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client or Invalid client credentials")
    }

    /// 401: the client is known, but not authenticated or not permitted.
    pub(super) fn unauthorized_client(description: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized_client", description)
    }

    /// 401: the secret is wrong.
    pub(super) fn wrong_secret() -> Self {
        Self::unauthorized_client("Invalid client or Invalid client credentials")
    }

    /// 401: a person's password without the name.
    pub(super) fn no_username() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request", "Missing parameter: username")
    }

    /// 403: the realm is for TLS only, and this is not.
    pub(super) fn tls_only() -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_request", "HTTPS required")
    }

    /// 403: the client is not permitted.
    pub(super) fn access_denied(description: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }
}

impl TokenRefusal {
    /// The answer of a path that issues nothing.
    pub(super) fn cacheable(self) -> Response {
        answer(self.status, &json!({ "error": self.error, "error_description": self.description }))
    }
}

impl IntoResponse for TokenRefusal {
    fn into_response(self) -> Response {
        uncached(self.cacheable())
    }
}

/// The answer of a fault, in place of a token.
pub(super) fn instead(fault: Oauth) -> Response {
    let refusal = match fault {
        Oauth::InvalidClient => TokenRefusal::unknown_client(),
        Oauth::UnauthorizedClient => TokenRefusal::wrong_secret(),
        Oauth::InvalidRequest => TokenRefusal::bad("invalid_request", "Invalid token"),
        Oauth::InvalidGrant => TokenRefusal::bad("invalid_grant", "Session not active"),
        Oauth::InvalidScope => TokenRefusal::bad("invalid_scope", "Invalid scopes: none"),
        Oauth::UnsupportedGrant => TokenRefusal::bad("unsupported_grant_type", "Unsupported grant_type"),
        Oauth::AccessDenied => TokenRefusal::access_denied("Client not allowed to exchange"),
        Oauth::Unavailable => {
            TokenRefusal::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "Come back later")
        }
        Oauth::NoRealm => {
            return answer(StatusCode::NOT_FOUND, &json!({ "error": "Realm does not exist" }));
        }
        Oauth::NoCode => {
            return answer(StatusCode::UNAUTHORIZED, &json!({ "detail": "Could not validate the client" }));
        }
        Oauth::TlsOnly => TokenRefusal::tls_only(),
        Oauth::Wordless => return answer(StatusCode::BAD_REQUEST, &json!({ "error": { "code": 7 } })),
    };
    refusal.into_response()
}

/// An answer that must not be cached (RFC 6749, section 5.1).
pub(super) fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
