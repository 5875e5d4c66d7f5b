//! The layer's settings, by the names of the published services' variables.

use core::time::Duration;
use std::ffi::OsString;

use crate::jwt::Algorithm;
use crate::run::inbound::Profile;
use crate::run::variables::{VariableError, Variables};

/// The default issuer of the development realm.
const DEV_ISSUER: &str = "http://localhost:8080/realms/arp-dev";

mod smartem;

/// Whether callers need a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// A valid token is required.
    Required,
    /// A call without a token is accepted, with an invalid one it is refused.
    Optional,
    /// Tokens are not checked.
    Disabled,
}

/// The source of the issuer's public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The URL of a JWKS.
    Jwks(String),
    /// The URL of an OpenID discovery document.
    Discovery(String),
}

impl KeySource {
    /// The discovery document of an issuer.
    #[must_use]
    pub fn of_issuer(issuer: &str) -> Self {
        Self::Discovery(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
    }
}

/// The rules for a service's callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundSettings {
    /// `ARP_AUTH_MODE`, else the mode of `ARP_AUTH_PROFILE`, else required.
    pub mode: AuthMode,
    /// `ARP_AUTH_ISSUER`, compared exactly. None: any issuer whose key is known.
    pub issuer: Option<String>,
    /// `ARP_AUTH_AUDIENCE`, else `ARP_AUTH_SERVICE_ID`. None: tokens for any audience.
    pub audience: Option<String>,
    /// `ARP_AUTH_JWKS_URI`, else `ARP_AUTH_OIDC_DISCOVERY_URL`, else discovery under the issuer. None: no
    /// token is valid, which makes sense only in mode disabled.
    pub keys: Option<KeySource>,
    /// `ARP_AUTH_ALGORITHMS`: the accepted algorithms; RS256 by default.
    pub algorithms: Vec<Algorithm>,
    /// `ARP_AUTH_CLOCK_SKEW_SECONDS`: the accepted difference of clocks; 60 s by default.
    pub clock_skew: Duration,
    /// `ARP_AUTH_EXEMPT_PATHS`: the paths without a check; `/v1/health` and `/v1/version` by default.
    pub exempt_paths: Vec<String>,
    /// The clients that tokens may be issued to. Empty: any. Services of ARP do not look at it.
    pub azp: Vec<String>,
    /// Whose manner it is to refuse, and to keep keys.
    pub profile: Profile,
}

impl InboundSettings {
    /// Accepts only tokens of this issuer for this audience.
    #[must_use]
    pub fn required(issuer: &str, audience: &str) -> Self {
        Self {
            mode: AuthMode::Required,
            issuer: Some(issuer.to_owned()),
            audience: Some(audience.to_owned()),
            keys: Some(KeySource::of_issuer(issuer)),
            algorithms: vec![Algorithm::Rs256],
            clock_skew: Duration::from_secs(60),
            exempt_paths: vec!["/v1/health".to_owned(), "/v1/version".to_owned()],
            azp: Vec::new(),
            profile: Profile::Arp,
        }
    }

    /// Reads the settings through `variable`, usually [`std::env::var_os`].
    ///
    /// # Errors
    /// A variable is missing or unusable. A service that checks tokens needs a source of keys.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        let variables = Variables(variable);
        let profile = variables.text("ARP_AUTH_PROFILE")?.map(|name| Preset::named(&name)).transpose()?;
        let mode = match variables.text("ARP_AUTH_MODE")?.map(|mode| mode.to_ascii_lowercase()).as_deref() {
            None => profile.map_or(AuthMode::Required, Preset::mode),
            Some("required") => AuthMode::Required,
            Some("optional") => AuthMode::Optional,
            Some("disabled") => AuthMode::Disabled,
            Some(_) => {
                return Err(VariableError::new("ARP_AUTH_MODE", "required, optional or disabled"));
            }
        };
        let profiles_issuer = || profile.and_then(Preset::issuer).map(str::to_owned);
        let issuer = variables.url("ARP_AUTH_ISSUER")?.or_else(profiles_issuer);
        let audience = variables.either("ARP_AUTH_AUDIENCE", "ARP_AUTH_SERVICE_ID")?;
        if profile == Some(Preset::DevSecure) && mode != AuthMode::Disabled && audience.is_none() {
            let wanted = "set (or ARP_AUTH_SERVICE_ID), to what tokens for this service have as audience, \
                          with ARP_AUTH_PROFILE=dev-secure-keycloak";
            return Err(VariableError::new("ARP_AUTH_AUDIENCE", wanted));
        }
        let jwks = variables.url("ARP_AUTH_JWKS_URI")?.map(KeySource::Jwks);
        let discovery = variables.url("ARP_AUTH_OIDC_DISCOVERY_URL")?.map(KeySource::Discovery);
        let keys = jwks.or(discovery).or_else(|| issuer.as_deref().map(KeySource::of_issuer));
        if keys.is_none() && mode != AuthMode::Disabled {
            let wanted = "set to the issuer of callers' tokens; or ARP_AUTH_PROFILE, or ARP_AUTH_JWKS_URI, or \
                          ARP_AUTH_OIDC_DISCOVERY_URL; or ARP_AUTH_MODE to disabled";
            return Err(VariableError::new("ARP_AUTH_ISSUER", wanted));
        }
        let exempt_paths = variables.list("ARP_AUTH_EXEMPT_PATHS")?;
        let exempt_paths = exempt_paths.unwrap_or_else(|| vec!["/v1/health".into(), "/v1/version".into()]);
        Ok(Self {
            mode,
            issuer,
            audience,
            keys,
            algorithms: algorithms(&variables)?,
            clock_skew: clock_skew(&variables)?,
            exempt_paths,
            azp: Vec::new(),
            profile: Profile::Arp,
        })
    }
}

fn algorithms(
    variables: &Variables<impl Fn(&str) -> Option<OsString>>,
) -> Result<Vec<Algorithm>, VariableError> {
    // HMAC algorithms are refused at the start, not only at the first token.
    let bad =
        || VariableError::new("ARP_AUTH_ALGORITHMS", "some of RS256, PS256, ES256 and EdDSA, with commas");
    let Some(names) = variables.list("ARP_AUTH_ALGORITHMS")? else { return Ok(vec![Algorithm::Rs256]) };
    names.iter().map(|name| name.parse().map_err(|_| bad())).collect()
}

fn clock_skew(variables: &Variables<impl Fn(&str) -> Option<OsString>>) -> Result<Duration, VariableError> {
    let bad =
        || VariableError::new("ARP_AUTH_CLOCK_SKEW_SECONDS", "a whole number of seconds from 0 to 3600");
    let Some(text) = variables.text("ARP_AUTH_CLOCK_SKEW_SECONDS")? else {
        return Ok(Duration::from_secs(60));
    };
    let seconds = text.parse().ok().filter(|seconds| *seconds <= 3600).ok_or_else(bad)?;
    Ok(Duration::from_secs(seconds))
}

/// A named group of settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Preset {
    DevInsecure,
    DevSecure,
    Enterprise,
}

impl Preset {
    fn named(name: &str) -> Result<Self, VariableError> {
        match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "dev-insecure" | "dev" => Ok(Self::DevInsecure),
            "dev-secure-keycloak" | "dev-secure" | "keycloak" => Ok(Self::DevSecure),
            "enterprise" | "prod" | "production" => Ok(Self::Enterprise),
            _ => {
                Err(VariableError::new("ARP_AUTH_PROFILE", "dev-insecure, dev-secure-keycloak or enterprise"))
            }
        }
    }

    const fn mode(self) -> AuthMode {
        match self {
            Self::DevInsecure => AuthMode::Disabled,
            Self::DevSecure | Self::Enterprise => AuthMode::Required,
        }
    }

    const fn issuer(self) -> Option<&'static str> {
        match self {
            Self::DevSecure => Some(DEV_ISSUER),
            Self::DevInsecure | Self::Enterprise => None,
        }
    }
}

#[cfg(test)]
mod tests;
