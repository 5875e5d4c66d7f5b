//! The paths of a realm, and the stub's own paths that change it.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post, put};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::answer::TokenRefusal;
use super::{Addresses, RealmState, TokenRequest, answer, authenticate, grants, issue};
use crate::jwt::{Algorithm, KeySet, PublicKey};
use crate::server::answer::{Detail, internal, json as answered};
use crate::server::control::Admin;
use crate::server::faults::Faults;
use crate::server::form::FormFields;

/// The path of the token endpoint below the realm.
pub(super) const TOKEN: &str = "/protocol/openid-connect/token";
pub(super) const CERTS: &str = "/protocol/openid-connect/certs";
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// The longest token request.
const MAX_BODY: usize = 256 * 1024;

/// The state of the paths.
#[derive(Clone)]
pub(crate) struct PathState {
    state: Arc<RealmState>,
    admin: Admin,
}

type Realm = axum::extract::State<PathState>;

pub(super) fn router(state: Arc<RealmState>, admin: Admin) -> Router {
    let paths = routes().with_state(PathState { state, admin });
    Router::new().fallback(move |request: Request| as_keycloak_routes(paths.clone(), request))
}

pub(crate) fn routes() -> Router<PathState> {
    let below = |path: &str| format!("/realms/{{realm}}{path}");
    let mut paths = Router::new();
    for slash in ["", "/"] {
        paths = paths
            .route(&below(&format!("{TOKEN}{slash}")), post(token))
            .route(&below(&format!("{CERTS}{slash}")), get(certs))
            .route(&below(&format!("{DISCOVERY}{slash}")), get(discovery));
    }
    paths
        .route(&below(""), get(public))
        .route("/__stub/clients/{client_id}/keys", put(register))
        .route("/__stub/signing-key", post(rotate).delete(retire))
        .route(&below("/protocol/openid-connect/{*other}"), any(no_such_endpoint))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn token(
    axum::extract::State(PathState { state, .. }): Realm,
    Path(realm): Path<String>,
    request: Request,
) -> Response {
    state.counts.token_requests.fetch_add(1, Ordering::Relaxed);
    if let Err(refusal) = served(&state, &realm, TokenRefusal::into_response) {
        return *refusal;
    }
    let (head, body) = request.into_parts();
    let faults = head.extensions.get::<Faults>().copied().unwrap_or(Faults::NONE);
    match axum::body::to_bytes(body, MAX_BODY).await {
        Err(_) => http_error(StatusCode::PAYLOAD_TOO_LARGE),
        // A body of another media type is not looked at.
        Ok(_) if !says_form(&head.headers) => granted(&state, &head.headers, b"", faults),
        Ok(body) => granted(&state, &head.headers, &body, faults),
    }
}

fn granted(state: &RealmState, headers: &HeaderMap, body: &[u8], faults: Faults) -> Response {
    if let Some(fault) = faults.oauth {
        return answer::instead(fault);
    }
    if !state.realm().is_enabled() {
        return TokenRefusal::access_denied("Realm not enabled").into_response();
    }
    let Some(form) = FormFields::parse(body) else { return unknown_error() };
    let request = TokenRequest { state, at: addresses(state, headers), form, now: faults.clock(), faults };
    let order = grants::grant(&request.form).and_then(|grant| {
        let client = authenticate::client(&request, headers)?;
        grants::order(&request, grant, &client)
    });
    match order {
        Ok(order) => issue::answered(&request, &order),
        Err(refusal) => refusal.into_response(),
    }
}

fn says_form(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = said.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

async fn certs(axum::extract::State(PathState { state, .. }): Realm, Path(realm): Path<String>) -> Response {
    state.counts.jwks.fetch_add(1, Ordering::Relaxed);
    if let Err(refusal) = served(&state, &realm, TokenRefusal::cacheable) {
        return *refusal;
    }
    let mut response = answered(StatusCode::OK, &state.keys().published().to_json());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What anyone may know of the realm.
async fn public(
    axum::extract::State(PathState { state, .. }): Realm,
    Path(realm): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = served(&state, &realm, TokenRefusal::cacheable) {
        return *refusal;
    }
    let url = addresses(&state, &headers).url;
    let pem = state.keys().newest().public_pem();
    let key: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut response = answered(
        StatusCode::OK,
        &json!({
            "realm": realm,
            "public_key": key,
            "token-service": format!("{url}/protocol/openid-connect"),
            "account-service": format!("{url}/account"),
            "tokens-not-before": state.realm().tokens_not_before(),
        }),
    );
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}

async fn discovery(
    axum::extract::State(PathState { state, .. }): Realm,
    Path(realm): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = served(&state, &realm, TokenRefusal::cacheable) {
        return *refusal;
    }
    let at = addresses(&state, &headers);
    let signing = [state.keys().newest().algorithm().name()];
    let assertions = Algorithm::ALL.map(Algorithm::name);
    let methods = ["private_key_jwt", "client_secret_basic", "client_secret_post"];
    let grants = ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"];
    let mut response = answered(
        StatusCode::OK,
        &json!({
            "issuer": at.issuer,
            "token_endpoint": at.token_endpoint(),
            "jwks_uri": at.jwks_uri(),
            "grant_types_supported": grants,
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": signing,
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": assertions,
        }),
    );
    let uncached = HeaderValue::from_static("no-cache, must-revalidate, no-transform, no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, uncached);
    response
}

fn addresses(state: &RealmState, headers: &HeaderMap) -> Addresses {
    state.addresses(headers.get(header::HOST).and_then(|host| host.to_str().ok()))
}

/// Whether this realm is served in this way.
///
/// # Errors
/// The answer for an unknown realm, and for one that is for TLS only; `refused` makes the latter.
fn served(
    state: &RealmState,
    realm: &str,
    refused: impl Fn(TokenRefusal) -> Response,
) -> Result<(), Box<Response>> {
    let ours = state.realm();
    if ours.name() != realm {
        let said = json!({ "error": "Realm does not exist" });
        return Err(Box::new(answered(StatusCode::NOT_FOUND, &said)));
    }
    if ours.is_tls_only() && !state.is_tls() {
        return Err(Box::new(refused(TokenRefusal::tls_only())));
    }
    Ok(())
}

/// Registers further keys of a client: a JWK or a set of them.
async fn register(
    axum::extract::State(PathState { state, admin }): Realm,
    Path(client_id): Path<String>,
    request: Request,
) -> Result<Response, Detail> {
    admin.require_here(&request)?;
    let bad = |why: String| Detail::sentence(StatusCode::BAD_REQUEST, why);
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY).await;
    let body = body.map_err(|_| bad("that is too much for a key".to_owned()))?;
    let jwk: Value =
        serde_json::from_slice(&body).map_err(|_| bad("send a JWK, or a set of them".to_owned()))?;
    let keys = match jwk.get("keys") {
        Some(_) => KeySet::from_json(&body).map(Vec::from),
        None => PublicKey::from_jwk(&jwk).map(|key| vec![key]),
    };
    let keys = keys.map_err(|error| bad(error.to_string()))?;
    let kids: Vec<String> = keys.iter().map(|key| key.kid().to_owned()).collect();
    let mut realm = state.realm();
    for key in keys {
        let unknown = |error: super::RealmError| Detail::sentence(StatusCode::NOT_FOUND, error.to_string());
        realm.register(&client_id, key).map_err(unknown)?;
    }
    Ok(answered(StatusCode::OK, &json!({ "kids": kids })))
}

/// Replaces the signing key.
async fn rotate(
    axum::extract::State(PathState { state, admin }): Realm,
    request: Request,
) -> Result<Response, Detail> {
    admin.require_here(&request)?;
    let mut keys = state.keys();
    if keys.rotate().is_err() {
        return Ok(internal());
    }
    Ok(published(keys.published()))
}

/// Publishes the newest key only.
async fn retire(
    axum::extract::State(PathState { state, admin }): Realm,
    request: Request,
) -> Result<Response, Detail> {
    admin.require_here(&request)?;
    let mut keys = state.keys();
    keys.retire();
    Ok(published(keys.published()))
}

fn published(keys: &KeySet) -> Response {
    answered(StatusCode::OK, &json!({ "kids": keys.kids().collect::<Vec<_>>() }))
}

async fn not_found() -> Response {
    let said = json!({ "error": "Unable to find matching target resource method" });
    answered(StatusCode::NOT_FOUND, &said)
}

async fn method_not_allowed(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::OK.into_response();
    }
    let is_discovery = request.uri().path().ends_with(DISCOVERY);
    http_error(if is_discovery { StatusCode::NOT_FOUND } else { StatusCode::METHOD_NOT_ALLOWED })
}

async fn no_such_endpoint() -> Response {
    http_error(StatusCode::NOT_FOUND)
}

/// Keycloak takes a path with a slash at its end, refuses one with two in a row, and says nowhere what it allows.
async fn as_keycloak_routes(paths: Router, request: Request) -> Response {
    let path = request.uri().path();
    if path.contains("//") || has_needless_escape(path) {
        let said =
            json!({ "error": "missingNormalization", "error_description": "Request path not normalized" });
        let mut response = answered(StatusCode::BAD_REQUEST, &said);
        let media_type = HeaderValue::from_static("application/json; charset=UTF-8");
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        return response;
    }
    let mut response = paths.oneshot(request).await.into_response();
    response.headers_mut().remove(header::ALLOW);
    response
}

/// Whether a path escapes a character that need not be escaped (RFC 3986, section 6.2.2.2).
fn has_needless_escape(path: &str) -> bool {
    let escaped = path.split('%').skip(1).filter_map(|rest| u8::from_str_radix(rest.get(..2)?, 16).ok());
    escaped.into_iter().any(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// What Keycloak did not foresee.
fn unknown_error() -> Response {
    let said = json!({ "error": "unknown_error", "error_description": "For more on this error consult the server log." });
    answered(StatusCode::INTERNAL_SERVER_ERROR, &said)
}

/// Keycloak's answer to errors outside OAuth.
fn http_error(status: StatusCode) -> Response {
    answered(status, &json!({ "error": format!("HTTP {status}") }))
}
