//! Tokens for the coordinator: one request for each call, without a cache, as in the published gateway.

use core::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::settings::GatewaySettings;
use crate::run::arp::ArpError;
use crate::run::outbound::{CallError, Outbound, request};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The longest answer, in bytes.
const MOST: usize = 256 * 1024;

/// A client of the token service.
pub(super) struct TokenClient {
    outbound: Outbound,
    endpoint: String,
    client_id: String,
    client_secret: String,
    within: Duration,
}

/// The status of the token service's refusal. None: it gave no usable answer.
struct NoToken(Option<StatusCode>);

impl From<CallError> for NoToken {
    fn from(_: CallError) -> Self {
        Self(None)
    }
}

impl TokenClient {
    pub(super) fn new(settings: &GatewaySettings, outbound: Outbound) -> Self {
        Self {
            outbound,
            endpoint: settings.token_endpoint.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            within: settings.sts_within,
        }
    }

    /// A token in exchange for `subject` (RFC 8693).
    pub(super) async fn exchange(&self, subject: &str, audience: &str) -> Result<String, ArpError> {
        let form = [
            ("grant_type", EXCHANGE),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("audience", audience),
        ];
        let failed = |no: NoToken| no.told("token_exchange_failed", "Token exchange failed");
        self.ask(&form).await.map_err(failed)
    }

    /// The gateway's own token.
    pub(super) async fn own(&self, audience: &str) -> Result<String, ArpError> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
            ("audience", audience),
        ];
        let failed = |no: NoToken| no.told("token_request_failed", "Client credentials token request failed");
        self.ask(&form).await.map_err(failed)
    }

    async fn ask(&self, form: &[(&str, &str)]) -> Result<String, NoToken> {
        let mut call = request(
            Method::POST,
            &self.endpoint,
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish(),
        )?;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        call.headers_mut().insert(header::CONTENT_TYPE, form);
        call.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.outbound.call_whole(call, self.within, MOST).await?;
        let status = answer.status();
        if status.is_success() {
            token(answer.body()).ok_or(NoToken(None))
        } else {
            Err(NoToken(Some(status)))
        }
    }
}

impl NoToken {
    /// The error for the caller, with the token service's status if it is a refusal. It has no
    /// `WWW-Authenticate`, because it does not concern the caller's token.
    fn told(self, code: &'static str, message: &'static str) -> ArpError {
        let refusal = self.0.filter(|status| status.is_client_error() || status.is_server_error());
        ArpError::new(refusal.unwrap_or(StatusCode::BAD_GATEWAY), code, message)
    }
}

fn token(answer: &Bytes) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let token = answer.get("access_token")?.as_str()?;
    (!token.is_empty()).then(|| token.to_owned())
}
