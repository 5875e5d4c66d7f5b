//! Access tokens: JWTs under an HMAC with the service's secret key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::auth::settings::{Settings, TokenAlgorithm};
use crate::auth::state::users::User;
use crate::jwt::{base64url, signing_input};
use crate::secrets::{new_key, new_uuid};

/// Signs and checks access tokens.
pub(crate) struct Tokens {
    algorithm: &'static str,
    key: hmac::Key,
    minutes: u32,
}

/// The claims of the real service's tokens, in its order.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's id, as a string.
    sub: String,
    email: String,
    is_superuser: bool,
    household_id: String,
    jti: String,
    iat: i64,
    exp: i64,
}

impl Tokens {
    pub(crate) fn new(settings: &Settings) -> Self {
        let secret = settings.secret_key.clone().unwrap_or_else(new_key);
        let (algorithm, hash) = match settings.algorithm {
            TokenAlgorithm::Hs256 => ("HS256", hmac::HMAC_SHA256),
            TokenAlgorithm::Hs384 => ("HS384", hmac::HMAC_SHA384),
            TokenAlgorithm::Hs512 => ("HS512", hmac::HMAC_SHA512),
        };
        let key = hmac::Key::new(hash, secret.as_bytes());
        Self { algorithm, key, minutes: settings.access_token_minutes }
    }

    /// A token for `user`.
    pub(crate) fn sign(&self, user: &User, now: OffsetDateTime) -> String {
        let iat = now.unix_timestamp();
        let claims = Claims {
            sub: user.id.to_string(),
            email: user.email.clone(),
            is_superuser: user.is_superuser,
            household_id: user.household_id.clone(),
            jti: new_uuid(),
            iat,
            exp: iat + i64::from(self.minutes) * 60,
        };
        let signed = signing_input(&json!({ "alg": self.algorithm, "typ": "JWT" }), &claims);
        let signature = base64url(hmac::sign(&self.key, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The id of the user in a token, if the signature is right and it has not expired.
    pub(crate) fn check(&self, token: &str, now: OffsetDateTime) -> Option<i64> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        hmac::verify(&self.key, signed.as_bytes(), &decoded(signature)?).ok()?;
        let header: Value = serde_json::from_slice(&decoded(header)?).ok()?;
        let claims: Claims = serde_json::from_slice(&decoded(claims)?).ok()?;
        let good = header["alg"] == self.algorithm && claims.exp >= now.unix_timestamp();
        claims.sub.parse().ok().filter(|_| good)
    }
}
