//! The gateway's settings, by the names of the published services' variables.

use core::fmt;
use core::time::Duration;
use std::ffi::OsString;

use crate::run::inbound::InboundSettings;
use crate::run::variables::{VariableError, Variables};

/// The default time limit for the token service.
const STS_WITHIN: Duration = Duration::from_secs(10);

/// The addresses of the services behind the gateway, and its client credentials.
#[derive(Clone)]
pub struct GatewaySettings {
    /// `JARVIS_RUN_COORDINATOR_URL`, without a slash or `/v1` at the end.
    pub coordinator_url: String,
    /// `JARVIS_RUN_COORDINATOR_AUDIENCE`: the audience of tokens for the coordinator; `arp-run-coordinator`
    /// by default.
    pub coordinator_audience: String,
    /// `ARP_AUTH_TOKEN_ENDPOINT`, else the one of `ARP_AUTH_ISSUER`, else that of `KEYCLOAK_URL` and
    /// `KEYCLOAK_REALM`.
    pub token_endpoint: String,
    /// `ARP_AUTH_CLIENT_ID`, else `AGENT_CLIENT_ID`.
    pub client_id: String,
    /// `ARP_AUTH_CLIENT_SECRET`, else `AGENT_CLIENT_SECRET`.
    pub client_secret: String,
    /// `ARP_AUTH_TIMEOUT_SECS`: the time limit for the token service; 10 s by default.
    pub sts_within: Duration,
    /// The rules for callers.
    pub inbound: InboundSettings,
}

impl fmt::Debug for GatewaySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewaySettings")
            .field("coordinator_url", &self.coordinator_url)
            .field("coordinator_audience", &self.coordinator_audience)
            .field("token_endpoint", &self.token_endpoint)
            .field("client_id", &self.client_id)
            .field("inbound", &self.inbound)
            .finish_non_exhaustive()
    }
}

impl GatewaySettings {
    /// The gateway `arp-run-gateway` of a development realm, in front of this coordinator.
    #[must_use]
    pub fn of_realm(issuer: &str, coordinator_url: &str) -> Self {
        Self {
            coordinator_url: base_url(coordinator_url).to_owned(),
            coordinator_audience: "arp-run-coordinator".to_owned(),
            token_endpoint: token_endpoint(issuer),
            client_id: "arp-run-gateway".to_owned(),
            client_secret: "arp-run-gateway-secret".to_owned(),
            sts_within: STS_WITHIN,
            inbound: InboundSettings::required(issuer, "arp-run-gateway"),
        }
    }

    /// Reads the settings through `variable`, usually [`std::env::var_os`].
    ///
    /// # Errors
    /// A variable is missing or unusable. A gateway needs a coordinator and a client of the token service.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, VariableError> {
        let variables = Variables(&variable);
        let coordinator_url = variables.url("JARVIS_RUN_COORDINATOR_URL")?.ok_or_else(|| {
            let wanted = "set to where the Run Coordinator is: without one there is no Run Gateway";
            VariableError::new("JARVIS_RUN_COORDINATOR_URL", wanted)
        })?;
        let audience = variables.text("JARVIS_RUN_COORDINATOR_AUDIENCE")?;
        let inbound = InboundSettings::from_variables(&variable)?;
        let needed =
            |name, or, wanted| variables.either(name, or)?.ok_or_else(|| VariableError::new(name, wanted));
        Ok(Self {
            coordinator_url: base_url(&coordinator_url).to_owned(),
            coordinator_audience: audience.unwrap_or_else(|| "arp-run-coordinator".to_owned()),
            token_endpoint: endpoint(&variables, inbound.issuer.as_deref())?,
            client_id: needed(
                "ARP_AUTH_CLIENT_ID",
                "AGENT_CLIENT_ID",
                "set (or AGENT_CLIENT_ID), to the gateway's own client",
            )?,
            client_secret: needed(
                "ARP_AUTH_CLIENT_SECRET",
                "AGENT_CLIENT_SECRET",
                "set (or AGENT_CLIENT_SECRET), to the secret of the gateway's client",
            )?,
            sts_within: sts_within(&variables)?,
            inbound,
        })
    }
}

fn endpoint(
    variables: &Variables<impl Fn(&str) -> Option<OsString>>,
    issuer: Option<&str>,
) -> Result<String, VariableError> {
    if let Some(endpoint) = variables.url("ARP_AUTH_TOKEN_ENDPOINT")? {
        return Ok(endpoint);
    }
    if let Some(issuer) = issuer {
        return Ok(token_endpoint(issuer));
    }
    let missing = |name| VariableError::new(name, "set as well: it takes both to find the token endpoint");
    match (variables.url("KEYCLOAK_URL")?, variables.text("KEYCLOAK_REALM")?) {
        (Some(url), Some(realm)) => {
            Ok(token_endpoint(&format!("{}/realms/{realm}", url.trim_end_matches('/'))))
        }
        (Some(_), None) => Err(missing("KEYCLOAK_REALM")),
        (None, Some(_)) => Err(missing("KEYCLOAK_URL")),
        (None, None) => {
            let wanted = "set, or ARP_AUTH_ISSUER, or KEYCLOAK_URL and KEYCLOAK_REALM: the gateway needs \
                          tokens for the coordinator";
            Err(VariableError::new("ARP_AUTH_TOKEN_ENDPOINT", wanted))
        }
    }
}

fn sts_within(variables: &Variables<impl Fn(&str) -> Option<OsString>>) -> Result<Duration, VariableError> {
    let bad = || VariableError::new("ARP_AUTH_TIMEOUT_SECS", "a number of seconds above 0 and up to 3600");
    let Some(text) = variables.text("ARP_AUTH_TIMEOUT_SECS")? else { return Ok(STS_WITHIN) };
    let seconds: f64 = text.parse().map_err(|_| bad())?;
    let within = Duration::try_from_secs_f64(seconds).map_err(|_| bad())?;
    if within.is_zero() || within > Duration::from_secs(3600) { Err(bad()) } else { Ok(within) }
}

fn token_endpoint(issuer: &str) -> String {
    format!("{}/protocol/openid-connect/token", issuer.trim_end_matches('/'))
}

fn base_url(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1").unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The required variables.
    const GOOD: [(&str, &str); 4] = [
        ("JARVIS_RUN_COORDINATOR_URL", "http://c.test:8081"),
        ("ARP_AUTH_ISSUER", "http://sts.test/realms/arp-dev/"),
        ("ARP_AUTH_CLIENT_ID", "us"),
        ("ARP_AUTH_CLIENT_SECRET", "s3cret"),
    ];

    fn read(set: &[(&str, &str)]) -> Result<GatewaySettings, VariableError> {
        GatewaySettings::from_variables(|asked| {
            set.iter().rev().find(|(name, _)| *name == asked).map(|(_, value)| OsString::from(value))
        })
    }

    #[track_caller]
    fn with(more: &[(&str, &str)]) -> GatewaySettings {
        read(&[&GOOD, more].concat()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn refused(more: &[(&str, &str)]) -> String {
        read(&[&GOOD, more].concat()).expect_err("refused").to_string()
    }

    #[test]
    fn required_variables_and_defaults() {
        let settings = with(&[]);
        assert_eq!(settings.coordinator_url, "http://c.test:8081");
        assert_eq!(settings.coordinator_audience, "arp-run-coordinator");
        assert_eq!(settings.token_endpoint, "http://sts.test/realms/arp-dev/protocol/openid-connect/token");
        assert_eq!((settings.client_id.as_str(), settings.client_secret.as_str()), ("us", "s3cret"));
        assert_eq!(settings.sts_within, Duration::from_secs(10));
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn jarvis_run_coordinator_url() {
        for url in ["http://c.test:8081/", "http://c.test:8081/v1", " http://c.test:8081/v1/ "] {
            assert_eq!(with(&[("JARVIS_RUN_COORDINATOR_URL", url)]).coordinator_url, "http://c.test:8081");
        }
        for (url, why) in
            [("", "must be set to where"), (" ", "must be set to where"), ("c.test", "http or https")]
        {
            let refused = refused(&[("JARVIS_RUN_COORDINATOR_URL", url)]);
            assert!(refused.starts_with("JARVIS_RUN_COORDINATOR_URL ") && refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn jarvis_run_coordinator_audience() {
        let read = |audience| with(&[("JARVIS_RUN_COORDINATOR_AUDIENCE", audience)]).coordinator_audience;
        assert_eq!((read(" other "), read("  ")), ("other".to_owned(), "arp-run-coordinator".to_owned()));
    }

    #[test]
    fn token_endpoint_before_issuer_before_keycloaks_variables() {
        let endpoint = ("ARP_AUTH_TOKEN_ENDPOINT", "https://other.test/token");
        assert_eq!(with(&[endpoint]).token_endpoint, endpoint.1);
        let open = [("ARP_AUTH_ISSUER", ""), ("ARP_AUTH_MODE", "disabled")];
        let keycloak = [("KEYCLOAK_URL", "http://kc.test/"), ("KEYCLOAK_REALM", "arp-dev")];
        let all = [&open[..], &keycloak].concat();
        let url = "http://kc.test/realms/arp-dev/protocol/openid-connect/token";
        assert_eq!(with(&all).token_endpoint, url);
        assert_eq!(with(&keycloak).token_endpoint, with(&[]).token_endpoint, "the issuer wins");
        let half = |one: (&'static str, &'static str)| refused(&[&open[..], &[one]].concat());
        assert!(half(keycloak[0]).starts_with("KEYCLOAK_REALM must be set as well"));
        assert!(half(keycloak[1]).starts_with("KEYCLOAK_URL must be set as well"));
        assert!(refused(&open).starts_with("ARP_AUTH_TOKEN_ENDPOINT must be set"));
    }

    #[test]
    fn client_id_and_secret_by_either_name() {
        for (name, other) in
            [("ARP_AUTH_CLIENT_ID", "AGENT_CLIENT_ID"), ("ARP_AUTH_CLIENT_SECRET", "AGENT_CLIENT_SECRET")]
        {
            assert!(refused(&[(name, " ")]).starts_with(&format!("{name} must be set (or {other})")));
        }
        let agent = [("AGENT_CLIENT_ID", "agent"), ("AGENT_CLIENT_SECRET", "agents")];
        let settings = with(&agent);
        assert_eq!((settings.client_id.as_str(), settings.client_secret.as_str()), ("us", "s3cret"));
        let unset = [("ARP_AUTH_CLIENT_ID", ""), ("ARP_AUTH_CLIENT_SECRET", "")];
        let settings = with(&[&unset[..], &agent].concat());
        assert_eq!((settings.client_id.as_str(), settings.client_secret.as_str()), ("agent", "agents"));
    }

    #[test]
    fn arp_auth_timeout_secs() {
        assert_eq!(with(&[("ARP_AUTH_TIMEOUT_SECS", "0.5")]).sts_within, Duration::from_millis(500));
        for bad in ["0", "-1", "soon", "NaN", "1e9"] {
            assert!(
                refused(&[("ARP_AUTH_TIMEOUT_SECS", bad)]).starts_with("ARP_AUTH_TIMEOUT_SECS must be"),
                "{bad}"
            );
        }
    }

    #[test]
    fn bad_settings_for_callers_keep_it_from_starting() {
        assert!(refused(&[("ARP_AUTH_MODE", "maybe")]).starts_with("ARP_AUTH_MODE must be"));
        let settings = with(&[("ARP_AUTH_SERVICE_ID", "arp-run-gateway")]);
        assert_eq!(settings.inbound.audience.as_deref(), Some("arp-run-gateway"));
    }
}
