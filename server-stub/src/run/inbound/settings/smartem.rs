//! The settings of SmartEM's backend (docs/wire/smartem.md, "The backend").

use core::time::Duration;
use std::ffi::OsString;

use super::{AuthMode, InboundSettings, KeySource};
use crate::jwt::Algorithm;
use crate::run::inbound::Profile;
use crate::run::variables::{VariableError, Variables};

/// The open paths.
const OPEN: [&str; 5] = ["/health", "/status", "/openapi.json", "/docs", "/redoc"];

impl InboundSettings {
    /// SmartEM's backend with this issuer: any audience, any client.
    #[must_use]
    pub fn smartem(issuer: &str) -> Self {
        Self::of_backend(Some(issuer.to_owned()))
    }

    fn of_backend(issuer: Option<String>) -> Self {
        let keys = issuer.as_ref().map(|issuer| format!("{issuer}/protocol/openid-connect/certs"));
        Self {
            mode: AuthMode::Required,
            issuer,
            audience: None,
            keys: keys.map(KeySource::Jwks),
            algorithms: vec![Algorithm::Rs256],
            clock_skew: Duration::from_secs(60),
            exempt_paths: OPEN.map(str::to_owned).to_vec(),
            azp: Vec::new(),
            profile: Profile::SmartEm,
        }
    }

    /// Reads the settings of SmartEM's backend through `variable`, usually [`std::env::var_os`]: `KEYCLOAK_URL`, without
    /// which each token gets a 500, `KEYCLOAK_REALM`, `KEYCLOAK_VERIFY_ISS`, `KEYCLOAK_ALLOWED_AZP`.
    ///
    /// # Errors
    /// A variable is unusable.
    pub fn smartem_from_variables(
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, VariableError> {
        let variables = Variables(variable);
        let realm = variables.text("KEYCLOAK_REALM")?.unwrap_or_else(|| "dls".to_owned());
        let url = variables.url("KEYCLOAK_URL")?;
        let issuer = url.map(|url| format!("{}/realms/{realm}", url.trim_end_matches('/')));
        let mut settings = Self::of_backend(issuer);
        // Every other word than this one means no.
        if (variables.0)("KEYCLOAK_VERIFY_ISS").is_some_and(|word| !word.eq_ignore_ascii_case("true")) {
            settings.issuer = None;
        }
        settings.azp = variables.list("KEYCLOAK_ALLOWED_AZP")?.unwrap_or_default();
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> InboundSettings {
        let variable =
            |asked: &str| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| OsString::from(value));
        InboundSettings::smartem_from_variables(variable).expect("usable")
    }

    const URL: (&str, &str) = ("KEYCLOAK_URL", "https://sso.test/");

    #[test]
    fn url_alone_gives_the_published_defaults() {
        let settings = read(&[URL]);
        assert_eq!(settings, InboundSettings::smartem("https://sso.test/realms/dls"));
        let keys = "https://sso.test/realms/dls/protocol/openid-connect/certs";
        assert_eq!(settings.keys, Some(KeySource::Jwks(keys.to_owned())));
        assert_eq!((settings.audience, settings.algorithms), (None, vec![Algorithm::Rs256]));
        assert_eq!(read(&[]).keys, None, "it starts without");
    }

    #[test]
    fn each_variable_is_read() {
        let settings = read(&[URL, ("KEYCLOAK_REALM", "x"), ("KEYCLOAK_ALLOWED_AZP", " a, b ,,")]);
        assert_eq!(settings.issuer.as_deref(), Some("https://sso.test/realms/x"));
        assert_eq!(settings.azp, ["a", "b"]);
        for (word, verified) in [("true", true), ("TRUE", true), ("1", false), ("yes", false), ("", false)] {
            let settings = read(&[URL, ("KEYCLOAK_VERIFY_ISS", word)]);
            assert_eq!((settings.issuer.is_some(), settings.keys.is_some()), (verified, true), "{word}");
        }
    }
}
