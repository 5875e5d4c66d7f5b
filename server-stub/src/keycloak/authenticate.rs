//! Client authentication: by a secret (client_secret_post, client_secret_basic) or by a signed assertion
//! (private_key_jwt, RFC 7523). First a request must name a client, then the client has to prove itself in the way
//! that its settings say (docs/wire/keycloak.md, "Who a client is").

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;

use super::answer::TokenRefusal;
use super::paths::TOKEN;
use super::realm::{Client, ProvenBy};
use super::{RealmState, TokenRequest};
use crate::jwt::{Algorithm, Claims, Parts};
use crate::secrets::equal;
use crate::server::form::{FormFields, decoded};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The audiences of assertions, below the issuer.
const AUDIENCES: [&str; 5] = [
    "",
    TOKEN,
    "/protocol/openid-connect/token/introspect",
    "/protocol/openid-connect/ext/par/request",
    "/protocol/openid-connect/ext/ciba/auth",
];
/// How old an assertion may be, and how long one without `iat` may live, in seconds.
const MAX_AGE: f64 = 60.0;
/// The accepted error of a client's clock, in seconds. It does not apply to `exp`.
const SKEW: f64 = 15.0;

/// The authenticated client.
pub(super) fn client(request: &TokenRequest<'_>, headers: &HeaderMap) -> Result<Client, TokenRefusal> {
    let form = &request.form;
    let basic = basic(headers)?;
    let client = named(request.state, basic.as_ref(), form).ok_or_else(TokenRefusal::unknown_client)?;
    if client.bearer_only {
        return Err(bad_client("Bearer-only not allowed"));
    }
    if client.public {
        return Ok(client);
    }
    let asserts = form.get("client_assertion_type").is_some();
    match client.proven_by {
        ProvenBy::Key | ProvenBy::SharedKey => by_assertion(request, &client)?,
        ProvenBy::Either if asserts => by_assertion(request, &client)?,
        ProvenBy::Certificate if form.get("client_id").is_none() => {
            return Err(bad_client("Missing client_id parameter"));
        }
        ProvenBy::Certificate => return Err(TokenRefusal::unknown_client()),
        ProvenBy::Either | ProvenBy::Secret => by_secret(&client, basic, form)?,
    }
    Ok(client)
}

/// The enabled client that a request names: in the form, in the header, or by an assertion if it is one for
/// assertions.
fn named(state: &RealmState, basic: Option<&Credentials>, form: &FormFields) -> Option<Client> {
    let client = |id: &str| state.realm().client(id).filter(|client| client.enabled).cloned();
    if let Some(id) = form.get("client_id") {
        return client(id);
    }
    if let Some(Credentials { id, .. }) = basic {
        return client(id);
    }
    form.get("client_assertion_type").filter(|kind| *kind == ASSERTION_TYPE)?;
    let Parts { claims, header, .. } = Parts::read(form.get("client_assertion")?)?;
    let id = claims.text("sub").filter(|subject| claims.text("iss") == Some(subject))?;
    let is_mistyped = |name| claims.get(name).is_some_and(|value| !value.is_number() && !value.is_null());
    if ["exp", "iat", "nbf"].into_iter().any(is_mistyped) {
        return None;
    }
    let is_known = |name: &str| name == "none" || name.starts_with("HS") || is_jws(name);
    header.get("alg").and_then(|name| name.as_str()).filter(|name| is_known(name))?;
    client(id).filter(|client| client.proven_by != ProvenBy::Secret)
}

/// Whether an algorithm for signatures is called so (RFC 7518, RFC 8037, RFC 9864).
fn is_jws(name: &str) -> bool {
    name.starts_with("RS") || name.starts_with("PS") || name.starts_with("ES") || name.starts_with("Ed")
}

fn by_secret(client: &Client, basic: Option<Credentials>, form: &FormFields) -> Result<(), TokenRefusal> {
    // The fields of the form take precedence.
    let offered = form.get("client_secret").map(str::to_owned).or(basic.map(|basic| basic.secret));
    match (&client.secret, offered) {
        (Some(wanted), Some(offered)) if equal(&offered, wanted) => Ok(()),
        (Some(_) | None, Some(_) | None) => Err(TokenRefusal::wrong_secret()),
    }
}

/// Id and secret of a header.
struct Credentials {
    id: String,
    secret: String,
}

/// Reads a header of HTTP's basic authentication. Both parts are form-encoded before they are joined (RFC 6749,
/// section 2.3.1), because they can contain a colon or a plus. None: there is none, or it is malformed.
fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, TokenRefusal> {
    let joined = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
        let credentials = STANDARD.decode(credentials.trim()).ok()?;
        String::from_utf8(credentials).ok().filter(|_| scheme.eq_ignore_ascii_case("Basic"))
    });
    let Some((id, secret)) = joined.as_deref().and_then(|joined| joined.split_once(':')) else {
        return Ok(None);
    };
    match (decoded(id), decoded(secret)) {
        (Some(id), Some(secret)) => Ok(Some(Credentials { id, secret })),
        _ => Err(TokenRefusal::bad("unauthorized_client", "Unexpected error when authenticating client")),
    }
}

fn by_assertion(request: &TokenRequest<'_>, client: &Client) -> Result<(), TokenRefusal> {
    let TokenRequest { form, now, .. } = request;
    match form.get("client_assertion_type") {
        None => return Err(bad_client("Parameter client_assertion_type is missing")),
        Some(ASSERTION_TYPE) => {}
        Some(other) => {
            let why = format!(
                "Parameter client_assertion_type has value '{other}' but expected is '{ASSERTION_TYPE}'"
            );
            return Err(bad_client(&why));
        }
    }
    let text =
        form.get("client_assertion").ok_or_else(|| bad_client("client_assertion parameter missing"))?;
    let assertion = Parts::read(text).ok_or_else(|| failed("it is no JSON Web Token"))?;
    if assertion.claims.text("sub") != Some(&client.id) {
        return Err(bad_client("client_id parameter does not match authenticated client"));
    }
    match client.proven_by {
        ProvenBy::SharedKey => check_mac(client, text)?,
        ProvenBy::Secret | ProvenBy::Key | ProvenBy::Either | ProvenBy::Certificate => {
            check_signature(client, &assertion)?;
        }
    }
    check_times(&assertion.claims, *now)?;
    check_audience(request, &assertion.claims)?;
    let jti = assertion.claims.text("jti").ok_or_else(|| bad_client("Token jti claim is required"))?;
    let (expiry, now) = (assertion.claims.seconds("exp").unwrap_or_default(), seconds(*now));
    if !request.state.used().first_use(&client.id, jti, expiry, now) {
        return Err(bad_client("Token reuse detected"));
    }
    Ok(())
}

fn check_signature(client: &Client, assertion: &Parts) -> Result<(), TokenRefusal> {
    let algorithm = assertion.said("alg").and_then(|name| name.parse::<Algorithm>().ok());
    let algorithm = algorithm.filter(|algorithm| client.algorithm.is_none_or(|only| only == *algorithm));
    let algorithm = algorithm.ok_or_else(|| bad_client("Invalid signature algorithm"))?;
    let key = match assertion.said("kid") {
        Some(kid) => client.keys.find(kid),
        None => client.keys.first_for(algorithm),
    };
    let key = key.ok_or_else(|| bad_client("Unable to load public key"))?;
    if assertion.is_signed_by(key, algorithm) {
        Ok(())
    } else {
        Err(failed("Signature on JWT token failed validation"))
    }
}

/// HS256 by the client's secret (RFC 7518, section 3.2).
fn check_mac(client: &Client, text: &str) -> Result<(), TokenRefusal> {
    let is_ours = || {
        let (signed, mac) = text.rsplit_once('.')?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, client.secret.as_ref()?.as_bytes());
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(mac).ok()?).ok()
    };
    is_ours().ok_or_else(|| {
        let why = "Client authentication with client secret signed JWT failed: \
                   Signature on JWT token by client secret failed validation";
        TokenRefusal::bad("unauthorized_client", why)
    })
}

fn check_times(claims: &Claims, now: SystemTime) -> Result<(), TokenRefusal> {
    let now = seconds(now);
    let expiry = claims.seconds("exp").ok_or_else(|| bad_client("Token exp claim is required"))?;
    if expiry <= now || claims.seconds("nbf").is_some_and(|start| start > now + SKEW) {
        return Err(bad_client("Token is not active"));
    }
    match claims.seconds("iat") {
        Some(issued) if issued > now + SKEW => Err(bad_client("Token was issued in the future")),
        Some(issued) if now > issued + MAX_AGE => {
            Err(bad_client("Token was issued too far in the past to be used now"))
        }
        None if expiry > now + MAX_AGE => {
            let why = "Token expiration is too far in the future and iat claim not present in token";
            Err(bad_client(why))
        }
        Some(_) | None => Ok(()),
    }
}

/// One audience: the issuer, or an endpoint below it to which clients prove themselves. With an issuer that was set,
/// that is not the endpoint in discovery.
fn check_audience(request: &TokenRequest<'_>, claims: &Claims) -> Result<(), TokenRefusal> {
    let issuer = &request.at.issuer;
    let is_ours = |audience: &&str| {
        audience.strip_prefix(issuer.as_str()).is_some_and(|path| AUDIENCES.contains(&path))
    };
    let mut audiences = claims.audiences();
    let first = audiences.next().filter(is_ours);
    match (first, audiences.next()) {
        (_, Some(_)) => Err(bad_client("Multiple audiences not allowed")),
        (Some(_), None) => Ok(()),
        (None, None) => Err(bad_client("Invalid token audience")),
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn bad_client(description: &str) -> TokenRefusal {
    TokenRefusal::bad("invalid_client", description)
}

fn failed(why: &str) -> TokenRefusal {
    bad_client(&format!("Client authentication with signed JWT failed: {why}"))
}
