//! Issued tokens and their faults.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use axum::response::Response;
use ring::hmac;
use serde_json::{Value, json};

use super::TokenRequest;
use super::answer::uncached;
use super::realm::Granted;
use crate::jwt::{base64url, signing_input};
use crate::secrets::{new_key, new_uuid};
use crate::server::answer::json as answer;
use crate::server::faults::{ExpiresIn, Token, TokenType};

const ISSUED_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
const ISSUED_ID_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";
/// Whom the service account of a client calls from, as far as its tokens say.
const CALLER: &str = "127.0.0.1";
/// The distance of the times in tokens that are expired or not valid yet, in seconds.
const LATER: u64 = 3600;

/// The content of a token.
pub(super) struct TokenOrder {
    pub(super) subject: String,
    pub(super) username: Option<String>,
    /// The client that gets it.
    pub(super) client_id: String,
    pub(super) audiences: Vec<String>,
    pub(super) granted: Granted,
    /// Whether it has the roles of its subject.
    pub(super) roles: bool,
    /// Whether it has only what a client needs to ask for the rest.
    pub(super) lightweight: bool,
    pub(super) life: Duration,
    /// Tokens that were issued earlier, in seconds since 1970, are revoked.
    pub(super) not_before: u64,
    pub(super) kind: Kind,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The client itself.
    Own,
    /// An access token in exchange for another.
    Exchanged,
    /// An ID token in exchange for an access token.
    ExchangedForId,
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    since_1970(SystemTime::now())
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The answer with the token.
pub(super) fn answered(request: &TokenRequest<'_>, order: &TokenOrder) -> Response {
    let TokenRequest { state, faults, .. } = request;
    let mut said = json!({
        "access_token": token(request, order),
        "expires_in": order.life.as_secs(),
        "refresh_expires_in": 0,
        "token_type": "Bearer",
        "not-before-policy": order.not_before,
        "scope": order.granted.said(),
    });
    match order.kind {
        Kind::Own => {}
        Kind::Exchanged => said["issued_token_type"] = ISSUED_TYPE.into(),
        Kind::ExchangedForId => {
            said["issued_token_type"] = ISSUED_ID_TYPE.into();
            said["token_type"] = "N_A".into();
        }
    }
    if order.granted.is_openid() {
        said["id_token"] = state.keys().newest().token(&identity(request, order)).into();
    }
    let instead = faults.expires_in.map(|fault| match fault {
        ExpiresIn::Missing => None,
        ExpiresIn::Text => Some(order.life.as_secs().to_string().into()),
        ExpiresIn::Words => Some("five minutes".into()),
        ExpiresIn::Null => Some(Value::Null),
        ExpiresIn::Zero => Some(0.into()),
        ExpiresIn::Negative => Some((-1).into()),
        ExpiresIn::Huge => Some(1_000_000_000_000_000_000_u64.into()),
    });
    replace(&mut said, "expires_in", instead);
    let instead = faults.token_type.map(|fault| match fault {
        TokenType::Lower => Some("bearer".into()),
        TokenType::Odd => Some("mac".into()),
        TokenType::Missing => None,
    });
    replace(&mut said, "token_type", instead);
    if faults.token == Some(Token::Missing) {
        replace(&mut said, "access_token", Some(None));
    }
    uncached(answer(StatusCode::OK, &said))
}

/// Replaces a member, removes it, or leaves it as it is.
fn replace(object: &mut Value, name: &str, instead: Option<Option<Value>>) {
    match instead {
        None => {}
        Some(Some(value)) => object[name] = value,
        Some(None) => drop(object.as_object_mut().map(|members| members.remove(name))),
    }
}

fn token(request: &TokenRequest<'_>, order: &TokenOrder) -> String {
    let TokenRequest { state, faults, .. } = request;
    let claims = claims(request, order);
    let keys = state.keys();
    let key = keys.newest();
    let header = |algorithm: &str| json!({ "alg": algorithm, "typ": "JWT", "kid": key.kid() });
    let stranger = || keys.unpublished().ok();
    match faults.token {
        Some(Token::NotJwt) => new_key(),
        Some(Token::UnknownKid) => stranger().map_or_else(new_key, |key| key.token(&claims)),
        Some(Token::BadSignature) => {
            let header = header(key.algorithm().name());
            stranger().map_or_else(new_key, |key| key.token_under(&header, &claims))
        }
        Some(Token::NoKid) => {
            key.token_under(&json!({ "alg": key.algorithm().name(), "typ": "JWT" }), &claims)
        }
        Some(Token::AlgNone) => format!("{}.", signing_input(&header("none"), &claims)),
        Some(Token::Hs256) => {
            let signed = signing_input(&header("HS256"), &claims);
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
            format!("{signed}.{}", base64url(hmac::sign(&secret, signed.as_bytes())))
        }
        Some(
            Token::Missing
            | Token::WrongAudience
            | Token::NoAudience
            | Token::WrongIssuer
            | Token::WrongParty
            | Token::NoExpiry
            | Token::Expired
            | Token::NotYet
            | Token::Id
            | Token::ClockAhead
            | Token::ClockBehind,
        )
        | None => key.token(&claims),
    }
}

/// The claims of an ID token.
fn identity(request: &TokenRequest<'_>, order: &TokenOrder) -> Value {
    let now = since_1970(request.now);
    json!({
        "exp": now + order.life.as_secs(),
        "iat": now,
        "jti": new_uuid(),
        "iss": request.at.issuer,
        "aud": order.client_id,
        "sub": order.subject,
        "typ": "ID",
        "azp": order.client_id,
    })
}

fn claims(request: &TokenRequest<'_>, order: &TokenOrder) -> Value {
    let mut claims = identity(request, order);
    if order.kind == Kind::ExchangedForId {
        return claims;
    }
    claims["typ"] = "Bearer".into();
    claims["scope"] = order.granted.said().into();
    match order.audiences.as_slice() {
        [] => replace(&mut claims, "aud", Some(None)),
        [one] => claims["aud"] = one.as_str().into(),
        several => claims["aud"] = several.into(),
    }
    if !order.lightweight {
        describe(request, order, &mut claims);
    }
    let now = since_1970(request.now);
    let (member, instead) = match request.faults.token {
        Some(Token::WrongAudience) => ("aud", Some("somebody-else".into())),
        Some(Token::NoAudience) => ("aud", None),
        Some(Token::WrongIssuer) => ("iss", Some(format!("{}/", request.at.issuer).into())),
        Some(Token::WrongParty) => ("azp", Some("somebody-else".into())),
        Some(Token::NoExpiry) => ("exp", None),
        Some(Token::Expired) => {
            claims["iat"] = (now - LATER).into();
            ("exp", Some((now - LATER + order.life.as_secs().min(LATER / 2)).into()))
        }
        Some(Token::NotYet) => ("nbf", Some((now + LATER).into())),
        Some(Token::Id) => ("typ", Some("ID".into())),
        Some(
            Token::Missing
            | Token::NotJwt
            | Token::UnknownKid
            | Token::NoKid
            | Token::BadSignature
            | Token::AlgNone
            | Token::Hs256
            | Token::ClockAhead
            | Token::ClockBehind,
        )
        | None => return claims,
    };
    replace(&mut claims, member, Some(instead));
    claims
}

/// Adds what a token says of its subject.
fn describe(request: &TokenRequest<'_>, order: &TokenOrder, claims: &mut Value) {
    let granted = &order.granted;
    if granted.has("acr") {
        claims["acr"] = "1".into();
    }
    if granted.has("email") {
        claims["email_verified"] = false.into();
    }
    if order.roles {
        let realm = format!("default-roles-{}", request.state.realm().name());
        claims["realm_access"] = json!({ "roles": ["offline_access", "uma_authorization", realm] });
        let account =
            json!({ "account": { "roles": ["manage-account", "manage-account-links", "view-profile"] } });
        let has_account = order.audiences.iter().any(|audience| audience == "account");
        claims["resource_access"] = if has_account { account } else { json!({}) };
    }
    if let Some(username) = order.username.as_ref().filter(|_| granted.has("profile")) {
        claims["preferred_username"] = username.as_str().into();
    }
    if order.kind == Kind::Own {
        for name in ["clientHost", "clientAddress"] {
            claims[name] = CALLER.into();
        }
        claims["client_id"] = order.client_id.as_str().into();
    }
}
