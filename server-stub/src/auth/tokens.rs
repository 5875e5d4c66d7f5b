//! Access tokens: JWTs signed with the service's secret key.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::auth::settings::{Settings, TokenAlgorithm};
use crate::auth::state::users::User;
use crate::secrets::{new_key, new_uuid};

/// Signs and checks access tokens.
pub(crate) struct Tokens {
    algorithm: Algorithm,
    signing: EncodingKey,
    checking: DecodingKey,
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
        Self {
            algorithm: match settings.algorithm {
                TokenAlgorithm::Hs256 => Algorithm::HS256,
                TokenAlgorithm::Hs384 => Algorithm::HS384,
                TokenAlgorithm::Hs512 => Algorithm::HS512,
            },
            signing: EncodingKey::from_secret(secret.as_bytes()),
            checking: DecodingKey::from_secret(secret.as_bytes()),
            minutes: settings.access_token_minutes,
        }
    }

    /// A token for `user`. None: the library could not sign, which its inputs give no reason for.
    pub(crate) fn sign(&self, user: &User, now: OffsetDateTime) -> Option<String> {
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
        jsonwebtoken::encode(&Header::new(self.algorithm), &claims, &self.signing).ok()
    }

    /// The id of the user whom a token names, if it is ours and has not expired.
    pub(crate) fn check(&self, token: &str) -> Option<i64> {
        let mut validation = Validation::new(self.algorithm);
        validation.leeway = 0;
        let token = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation).ok()?;
        token.claims.sub.parse().ok()
    }
}
