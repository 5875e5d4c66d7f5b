//! The grants: a client's own token, or a token in exchange for another.

use core::sync::atomic::Ordering;
use std::time::SystemTime;

use super::answer::TokenRefusal;
use super::issue::{Kind, TokenOrder};
use super::realm::{Client, Granted, Realm};
use super::{AudienceRule, Grant, RealmState};
use crate::form::FormFields;
use crate::jwt::{Claims, Expected, Token};

const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// The scope that brings the roles, and with them the audience of the account console.
const ROLES: &str = "roles";
const ACCOUNT: &str = "account";

/// A grant that a request names.
pub(super) enum Named {
    /// One that the service has.
    Served(Grant),
    /// One of a person, which no client of this service may use; the refusal.
    Refused(TokenRefusal),
}

/// The grant of a request. It is looked at before the client.
pub(super) fn grant(form: &FormFields) -> Result<Named, TokenRefusal> {
    match form.get("grant_type") {
        Some(CLIENT_CREDENTIALS) => Ok(Named::Served(Grant::ClientCredentials)),
        Some(TOKEN_EXCHANGE) => Ok(Named::Served(Grant::TokenExchange)),
        Some("refresh_token") => {
            Ok(Named::Refused(TokenRefusal::bad("invalid_grant", "Invalid refresh token")))
        }
        Some("password") => {
            let why = "Client not allowed for direct access grants";
            Ok(Named::Refused(TokenRefusal::bad("unauthorized_client", why)))
        }
        Some(_) => Err(TokenRefusal::bad("unsupported_grant_type", "Unsupported grant_type")),
        None => Err(TokenRefusal::bad("invalid_request", "Missing form parameter: grant_type")),
    }
}

/// The token to issue for this client.
pub(super) fn order(
    state: &RealmState,
    grant: Named,
    client: &Client,
    form: &FormFields,
    now: SystemTime,
) -> Result<TokenOrder, TokenRefusal> {
    let grant = match grant {
        Named::Served(grant) => grant,
        Named::Refused(refusal) => return Err(refusal),
    };
    let many: &[&str] = if grant == Grant::TokenExchange { &["audience", "resource"] } else { &[] };
    if form.repeats(many) {
        return Err(TokenRefusal::bad("invalid_request", "duplicated parameter"));
    }
    let order = match grant {
        Grant::ClientCredentials => own(state, client, form)?,
        Grant::TokenExchange => exchanged(state, client, form, now)?,
    };
    let count = match grant {
        Grant::ClientCredentials => &state.counts.client_credentials,
        Grant::TokenExchange => &state.counts.exchanges,
    };
    count.fetch_add(1, Ordering::Relaxed);
    Ok(order)
}

fn own(state: &RealmState, client: &Client, form: &FormFields) -> Result<TokenOrder, TokenRefusal> {
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
    if granted.has(ROLES) {
        audiences.push(ACCOUNT.to_owned());
    }
    Ok(TokenOrder {
        subject: client.subject.clone(),
        username: Some(format!("service-account-{}", client.id)),
        client_id: client.id.clone(),
        audiences,
        granted,
        life: realm.life_for(client),
        kind: Kind::Own,
    })
}

fn exchanged(
    state: &RealmState,
    client: &Client,
    form: &FormFields,
    now: SystemTime,
) -> Result<TokenOrder, TokenRefusal> {
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
    let subject = checked_subject(state, subject, now)?;
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
    let mut mapped = realm.mapped_audiences(client, &granted);
    if granted.has(ROLES) {
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
        life: realm.life_for(client),
        kind,
    })
}

/// Verifies the subject token, which must be of this realm. The caller checks its audience.
fn checked_subject(state: &RealmState, text: &str, now: SystemTime) -> Result<Claims, TokenRefusal> {
    let keys = state.keys();
    let algorithms = [keys.newest().algorithm()];
    let expected = Expected { issuer: Some(&state.issuer), now, ..Expected::now(&algorithms) };
    let checked = Token::read(text, &expected).and_then(|token| {
        let key = keys.published().find(token.kid());
        token.check(key, &expected)
    });
    let invalid = || TokenRefusal::bad("invalid_request", "Invalid token");
    let subject = checked.map_err(|_| invalid())?;
    let realm = state.realm();
    let is_disabled =
        subject.text("azp").and_then(|id| realm.client(id)).is_some_and(|client| !client.enabled);
    if is_disabled { Err(invalid()) } else { Ok(subject) }
}

fn granted(realm: &Realm, client: &Client, form: &FormFields) -> Result<Granted, TokenRefusal> {
    let asked = form.get("scope");
    let unknown =
        || TokenRefusal::bad("invalid_scope", format!("Invalid scopes: {}", asked.unwrap_or_default()));
    realm.granted(client, asked).ok_or_else(unknown)
}
