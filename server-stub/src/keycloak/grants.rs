//! The grants: a client's own token, or a token in exchange for another.

use super::answer::TokenRefusal;
use super::issue::{Kind, TokenOrder};
use super::realm::{Client, Granted, Realm};
use super::{AudienceRule, Grant, TokenRequest};
use crate::jwt::{Claims, Expected, Token};
use crate::server::form::FormFields;
use core::sync::atomic::Ordering;
use core::time::Duration;

const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// The scope that brings the roles, and with them the audience of the account console.
const ROLES: &str = "roles";
const ACCOUNT: &str = "account";
const REFRESH: &str = "refresh_token";
const PASSWORD: &str = "password";
const CODE: &str = "authorization_code";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const BACKCHANNEL: &str = "urn:openid:params:grant-type:ciba";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TICKET: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";
const OF_PERSONS: [&str; 7] = [REFRESH, PASSWORD, CODE, DEVICE, BACKCHANNEL, JWT_BEARER, TICKET];

/// A grant that a request names.
pub(super) enum Named {
    /// One that the service has.
    Served(Grant),
    /// One of a person, of whom this service has none.
    OfPerson(String),
}

/// The grant of a request. It is looked at before the client.
pub(super) fn grant(form: &FormFields) -> Result<Named, TokenRefusal> {
    match form.get("grant_type") {
        Some(CLIENT_CREDENTIALS) => Ok(Named::Served(Grant::ClientCredentials)),
        Some(TOKEN_EXCHANGE) => Ok(Named::Served(Grant::TokenExchange)),
        Some(other) if OF_PERSONS.contains(&other) => Ok(Named::OfPerson(other.to_owned())),
        Some(_) => Err(TokenRefusal::bad("unsupported_grant_type", "Unsupported grant_type")),
        None => Err(TokenRefusal::bad("invalid_request", "Missing form parameter: grant_type")),
    }
}

/// The token to issue for this client.
pub(super) fn order(
    request: &TokenRequest<'_>,
    grant: Named,
    client: &Client,
) -> Result<TokenOrder, TokenRefusal> {
    let TokenRequest { state, form, .. } = request;
    let grant = match grant {
        Named::Served(grant) => grant,
        Named::OfPerson(grant) => return Err(nobodys(&grant, client, form)),
    };
    let many: &[&str] = if grant == Grant::TokenExchange { &["audience", "resource"] } else { &[] };
    if form.repeats(many) {
        return Err(TokenRefusal::bad("invalid_request", "duplicated parameter"));
    }
    let order = match grant {
        Grant::ClientCredentials => own(request, client)?,
        Grant::TokenExchange => exchanged(request, client)?,
    };
    let count = match grant {
        Grant::ClientCredentials => &state.counts.client_credentials,
        Grant::TokenExchange => &state.counts.exchanges,
    };
    count.fetch_add(1, Ordering::Relaxed);
    Ok(order)
}

/// The refusal of a grant of a person.
fn nobodys(grant: &str, client: &Client, form: &FormFields) -> TokenRefusal {
    let has = |name: &str| form.get(name).is_some();
    let (error, why) = match grant {
        REFRESH if !has("refresh_token") => ("invalid_request", "No refresh token"),
        REFRESH => ("invalid_grant", "Invalid refresh token"),
        PASSWORD if !client.takes_passwords => {
            ("unauthorized_client", "Client not allowed for direct access grants")
        }
        PASSWORD if !has("username") => return TokenRefusal::no_username(),
        PASSWORD => ("invalid_grant", "Invalid user credentials"),
        CODE if !has("code") => ("invalid_request", "Missing parameter: code"),
        CODE => ("invalid_grant", "Code not valid"),
        DEVICE => ("invalid_grant", "Client not allowed OAuth 2.0 Device Authorization Grant"),
        BACKCHANNEL => ("invalid_grant", "Client not allowed OIDC CIBA Grant"),
        JWT_BEARER => ("invalid_grant", "The provided assertion is not a valid JWT"),
        _ => ("invalid_request", "You must provide the issuedFor"),
    };
    TokenRefusal::bad(error, why)
}

fn own(request: &TokenRequest<'_>, client: &Client) -> Result<TokenOrder, TokenRefusal> {
    let TokenRequest { state, form, .. } = request;
    let refused =
        |who: &str| Err(TokenRefusal::unauthorized_client(&format!("{who} to retrieve service account")));
    if client.public {
        return refused("Public client not allowed");
    }
    if !client.service_account {
        return refused("Client not enabled");
    }
    let realm = state.realm();
    let granted = granted(&realm, client, form)?;
    // An audience that is not a client is ignored, as in Keycloak.
    let asked = form.get("audience").filter(|_| state.audiences == AudienceRule::Asked);
    let asked = asked.filter(|id| realm.client(id).is_some_and(|client| client.enabled));
    let mut audiences = match asked {
        Some(asked) => vec![asked.to_owned()],
        None => realm.mapped_audiences(client, &granted),
    };
    let roles = client.full_scope && granted.has(ROLES);
    if roles && !client.lightweight {
        audiences.push(ACCOUNT.to_owned());
    }
    Ok(TokenOrder {
        subject: client.subject.clone(),
        username: Some(format!("service-account-{}", client.id)),
        client_id: client.id.clone(),
        audiences,
        granted,
        roles,
        lightweight: client.lightweight,
        life: realm.life_for(client),
        not_before: realm.not_before(client),
        kind: Kind::Own,
    })
}

fn exchanged(request: &TokenRequest<'_>, client: &Client) -> Result<TokenOrder, TokenRefusal> {
    let TokenRequest { state, form, .. } = request;
    let bad = |description: String| TokenRefusal::bad("invalid_request", description);
    let needed = |name: &str| {
        let missing = || bad(format!("Parameter '{name}' required for standard token exchange"));
        form.get(name).ok_or_else(missing)
    };
    if client.public || !client.may_exchange {
        return Err(bad("Standard token exchange is not enabled for the requested client".to_owned()));
    }
    if form.get("subject_issuer").is_some() {
        let why = "Parameter 'subject_issuer' is not supported for standard token exchange";
        return Err(bad(why.to_owned()));
    }
    let subject = needed("subject_token")?;
    if needed("subject_token_type")? != ACCESS_TOKEN {
        return Err(bad("Parameter 'subject_token' supports access tokens only".to_owned()));
    }
    let kind = match form.get("requested_token_type") {
        None | Some(ACCESS_TOKEN) => Kind::Exchanged,
        Some(ID_TOKEN) => Kind::ExchangedForId,
        Some(_) => return Err(bad("requested_token_type unsupported".to_owned())),
    };
    let subject = checked_subject(request, subject)?;
    let realm = state.realm();
    let audiences: Vec<&str> = form.all("audience").collect();
    for audience in &audiences {
        match realm.client(audience) {
            None => return Err(TokenRefusal::bad("invalid_client", "Audience not found")),
            Some(client) if !client.enabled => {
                return Err(TokenRefusal::bad("invalid_client", "Client disabled"));
            }
            Some(_) => {}
        }
    }
    let is_holder = subject.text("azp") == Some(&client.id);
    if !is_holder && !subject.audiences().any(|audience| audience == client.id) {
        return Err(TokenRefusal::access_denied("Client is not within the token audience"));
    }
    let granted = granted(&realm, client, form)?;
    if client.needs_consent {
        let why = format!("Missing consents for Token Exchange in client {}", client.id);
        return Err(TokenRefusal::bad("invalid_scope", why));
    }
    let roles = client.full_scope && granted.has(ROLES);
    let mut mapped = realm.mapped_audiences(client, &granted);
    if roles && !client.lightweight {
        mapped.push(ACCOUNT.to_owned());
    }
    let available = |audience: &&str| mapped.iter().any(|mapped| mapped == audience);
    if state.audiences == AudienceRule::Mapped
        && let Some(missing) = audiences.iter().find(|audience| !available(audience))
    {
        return Err(bad(format!("Requested audience not available: {missing}")));
    }
    let asked = audiences.iter().map(|audience| (*audience).to_owned()).collect();
    Ok(TokenOrder {
        subject: subject.text("sub").unwrap_or_default().to_owned(),
        username: subject.text("preferred_username").map(str::to_owned),
        client_id: client.id.clone(),
        audiences: if audiences.is_empty() { mapped } else { asked },
        granted,
        roles,
        lightweight: client.lightweight,
        life: realm.life_for(client),
        not_before: realm.not_before(client),
        kind,
    })
}

/// Verifies the subject token, which must be of this realm. The caller checks its audience.
fn checked_subject(request: &TokenRequest<'_>, text: &str) -> Result<Claims, TokenRefusal> {
    let TokenRequest { state, at, now, .. } = request;
    let keys = state.keys();
    let algorithms = [keys.newest().algorithm()];
    let expected = Expected { issuer: Some(&at.issuer), now: *now, ..Expected::now(&algorithms) };
    let checked = Token::read(text, &expected).and_then(|token| {
        let key = keys.published().find(token.kid());
        token.check(key, &expected)
    });
    let invalid = || TokenRefusal::bad("invalid_request", "Invalid token");
    let subject = checked.map_err(|_| invalid())?;
    let realm = state.realm();
    let issued = subject.seconds("iat").unwrap_or_default();
    let is_revoked = |client: &Client| {
        !client.enabled || issued < Duration::from_secs(realm.not_before(client)).as_secs_f64()
    };
    let holder = subject.text("azp").and_then(|id| realm.client(id));
    if holder.is_some_and(is_revoked) { Err(invalid()) } else { Ok(subject) }
}

fn granted(realm: &Realm, client: &Client, form: &FormFields) -> Result<Granted, TokenRefusal> {
    let asked = form.get("scope");
    let unknown =
        || TokenRefusal::bad("invalid_scope", format!("Invalid scopes: {}", asked.unwrap_or_default()));
    realm.granted(client, asked).ok_or_else(unknown)
}
