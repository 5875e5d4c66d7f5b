//! Client authentication: by a secret (client_secret_post, client_secret_basic) or by a signed assertion
//! (private_key_jwt, RFC 7523).

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::RealmState;
use super::answer::TokenRefusal;
use super::realm::Client;
use crate::form::{FormFields, decoded};
use crate::jwt::{Algorithm, Claims, Expected, Refused, Token};
use crate::secrets::equal;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest lifetime of an assertion, in seconds (docs/wire/arp.md).
const MAX_LIFE: f64 = 60.0;
/// The accepted error of a client's clock (*KC*).
const SKEW: Duration = Duration::from_secs(15);

/// The authenticated client.
pub(super) fn client(
    state: &RealmState,
    headers: &HeaderMap,
    form: &FormFields,
    now: SystemTime,
) -> Result<Client, TokenRefusal> {
    match form.get("client_assertion_type") {
        Some(ASSERTION_TYPE) => by_assertion(state, form, now),
        Some(_) => Err(bad_client(&format!("Parameter client_assertion_type must be {ASSERTION_TYPE}"))),
        None => by_secret(state, headers, form),
    }
}

fn by_secret(state: &RealmState, headers: &HeaderMap, form: &FormFields) -> Result<Client, TokenRefusal> {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| basic(value.to_str().ok()?));
    let (id, secret) = basic.map_or((None, None), |(id, secret)| (Some(id), Some(secret)));
    // The fields of the form take precedence (KC).
    let id = form.get("client_id").map(str::to_owned).or(id);
    let secret = form.get("client_secret").map(str::to_owned).or(secret);
    let client = known(state, &id.ok_or_else(|| bad_client("Missing client_id parameter"))?)?;
    if client.public {
        return Ok(client);
    }
    match (&client.secret, secret) {
        (Some(wanted), Some(offered)) if equal(&offered, wanted) => Ok(client),
        (Some(_) | None, Some(_) | None) => Err(TokenRefusal::wrong_secret()),
    }
}

/// Id and secret of a header. Both are form-encoded before they are joined (RFC 6749, section 2.3.1), because
/// they can contain a colon or a plus.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

fn known(state: &RealmState, id: &str) -> Result<Client, TokenRefusal> {
    let client = state.realm().client(id).filter(|client| client.enabled).cloned();
    client.ok_or_else(TokenRefusal::unknown_client)
}

fn by_assertion(state: &RealmState, form: &FormFields, now: SystemTime) -> Result<Client, TokenRefusal> {
    let text =
        form.get("client_assertion").ok_or_else(|| bad_client("client_assertion parameter missing"))?;
    // The unverified claims only tell the client whose keys apply.
    let any = Expected { now, ..Expected::now(&Algorithm::ALL) };
    let unproved = Token::read(text, &any).map_err(refusal)?;
    let id =
        unproved.unproved().text("sub").ok_or_else(|| bad_client("Subject missing on JWT token"))?.to_owned();
    if form.get("client_id").is_some_and(|said| said != id) {
        return Err(bad_client("client_id parameter not matching with client from JWT token"));
    }
    let client = known(state, &id)?;

    let audiences = [state.issuer.clone(), state.token_endpoint()];
    let audiences = [audiences[0].as_str(), audiences[1].as_str()];
    let only = client.algorithm.map(|algorithm| [algorithm]);
    let expected = Expected {
        issuer: Some(&id),
        audiences: Some(&audiences),
        algorithms: only.as_ref().map_or(&Algorithm::ALL[..], |only| &only[..]),
        skew: SKEW,
        now,
    };
    let token = Token::read(text, &expected).map_err(refusal)?;
    let key = client.keys.find(token.kid());
    let claims = token.check(key, &expected).map_err(refusal)?;
    check_assertion(state, &client, &claims, now)?;
    Ok(client)
}

/// Checks the requirements on assertions only: short-lived, for one audience, and new.
fn check_assertion(
    state: &RealmState,
    client: &Client,
    claims: &Claims,
    now: SystemTime,
) -> Result<(), TokenRefusal> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let (Some(expiry), Some(issued)) = (claims.seconds("exp"), claims.seconds("iat")) else {
        return Err(bad_client("Token iat claim is required"));
    };
    if expiry - issued > MAX_LIFE {
        return Err(bad_client("Token expiration is too far in the future"));
    }
    if now > issued + MAX_LIFE {
        return Err(bad_client("Token was issued too far in the past to be used now"));
    }
    if claims.audiences().count() > 1 {
        return Err(bad_client("Multiple audiences not allowed"));
    }
    let jti = claims.text("jti").ok_or_else(|| bad_client("Token jti claim is required"))?;
    let forgotten = expiry + SKEW.as_secs_f64();
    if !state.used().first_use(&client.id, jti, forgotten, now) {
        return Err(bad_client("Token reuse detected"));
    }
    Ok(())
}

fn bad_client(description: &str) -> TokenRefusal {
    TokenRefusal::bad("invalid_client", description)
}

/// The refusal of an assertion, in Keycloak's words where they are known (*KC*).
fn refusal(why: Refused) -> TokenRefusal {
    bad_client(&match why {
        Refused::NoExpiry => "Token exp claim is required".to_owned(),
        Refused::Expired | Refused::NotYet => "Token is not active".to_owned(),
        Refused::FromTheFuture => "Token was issued in the future".to_owned(),
        Refused::NoAudience | Refused::Audience => "Invalid token audience".to_owned(),
        Refused::NoIssuer | Refused::Issuer => {
            "Issuer mismatch. The issuer should match the subject".to_owned()
        }
        Refused::Algorithm => "Invalid signature algorithm".to_owned(),
        Refused::NoKid | Refused::UnknownKid | Refused::Mismatch => "Unable to load public key".to_owned(),
        Refused::Malformed
        | Refused::Critical
        | Refused::Signature
        | Refused::Time
        | Refused::Type
        | Refused::Name => format!("Client authentication with signed JWT failed: {why}"),
    })
}
