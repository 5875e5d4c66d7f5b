//! Gateway, coordinator and backend: their settings come from the environment, and by default from the other services
//! of this process.

use core::time::Duration;
use std::env;
use std::ffi::OsString;

use server_stub::{
    Backend, BackendOptions, Coordinator, CoordinatorOptions, Gateway, GatewayOptions, GatewaySettings,
    InboundSettings, KeySource, Pace, Place, ServerOptions, Sts,
};

use crate::running::Failure;

/// The other services of this process, and further authorities to trust.
pub(crate) struct Peers<'a> {
    pub(crate) sts: Option<&'a Sts>,
    pub(crate) coordinator: Option<&'a Coordinator>,
    /// Certificate authorities in PEM.
    pub(crate) trusted: Vec<String>,
}

impl Peers<'_> {
    /// The default of an unset variable.
    fn default(&self, name: &str) -> Option<String> {
        // Another issuer has its own endpoint and keys.
        let ours = set("ARP_AUTH_ISSUER").is_none();
        let sts = self.sts.filter(|_| ours);
        match name {
            "ARP_AUTH_ISSUER" => sts.map(|sts| sts.issuer().to_owned()),
            "ARP_AUTH_TOKEN_ENDPOINT" => sts.map(Sts::token_endpoint),
            "ARP_AUTH_JWKS_URI" if set("ARP_AUTH_OIDC_DISCOVERY_URL").is_none() => sts.map(Sts::jwks_uri),
            "ARP_AUTH_ALGORITHMS" => {
                sts.map(|sts| sts.with_signing_key(|key| key.algorithm().name().to_owned()))
            }
            "JARVIS_RUN_COORDINATOR_URL" => self.coordinator.map(|coordinator| coordinator.url().to_owned()),
            "ARP_AUTH_CLIENT_ID" if set("AGENT_CLIENT_ID").is_none() => {
                sts.map(|_| "arp-run-gateway".to_owned())
            }
            "ARP_AUTH_CLIENT_SECRET" if set("AGENT_CLIENT_SECRET").is_none() => {
                sts.map(|_| "arp-run-gateway-secret".to_owned())
            }
            _ => None,
        }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        set(name).or_else(|| self.default(name).map(OsString::from))
    }
}

/// A variable of the environment. A blank value counts as unset.
fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| value.to_str().is_none_or(|text| !text.trim().is_empty()))
}

fn server(place: Place, server: &ServerOptions) -> ServerOptions {
    let Place { listen, faults, control } = place;
    ServerOptions { listen, faults, control, ..server.clone() }
}

pub(crate) fn coordinator(
    place: Place,
    common: &ServerOptions,
    near: &Peers<'_>,
    pace: Duration,
) -> Result<Coordinator, Failure> {
    let inbound = InboundSettings::from_variables(|name| match name {
        // The variable is the gateway's if both run here. The coordinator's audience is the one that the
        // gateway requests.
        "ARP_AUTH_AUDIENCE" if near.sts.is_some() => {
            Some(set("JARVIS_RUN_COORDINATOR_AUDIENCE").unwrap_or_else(|| "arp-run-coordinator".into()))
        }
        name => near.variable(name),
    })?;
    Ok(Coordinator::start(CoordinatorOptions {
        server: server(place, common),
        inbound,
        authorities: near.trusted.clone(),
        pace: Pace::Every(pace),
    })?)
}

pub(crate) fn gateway(place: Place, common: &ServerOptions, near: &Peers<'_>) -> Result<Gateway, Failure> {
    let settings = GatewaySettings::from_variables(|name| match name {
        "ARP_AUTH_AUDIENCE" if near.sts.is_some() && set("ARP_AUTH_SERVICE_ID").is_none() => {
            Some(set(name).unwrap_or_else(|| "arp-run-gateway".into()))
        }
        name => near.variable(name),
    })?;
    Ok(Gateway::start(GatewayOptions {
        server: server(place, common),
        settings,
        authorities: near.trusted.clone(),
    })?)
}

pub(crate) fn backend(place: Place, common: &ServerOptions, near: &Peers<'_>) -> Result<Backend, Failure> {
    let sts = near.sts.filter(|_| set("KEYCLOAK_URL").is_none());
    let realm = sts.and_then(|sts| sts.issuer().split_once("/realms/"));
    let mut inbound = InboundSettings::smartem_from_variables(|name| match (name, realm) {
        ("KEYCLOAK_URL", Some((url, _))) => Some(url.into()),
        ("KEYCLOAK_REALM", Some((_, name))) => Some(name.into()),
        _ => env::var_os(name),
    })?;
    // Its keys are here, whatever its issuer is called.
    if let Some(sts) = sts {
        inbound.keys = Some(KeySource::Jwks(sts.jwks_uri()));
    }
    Ok(Backend::start(BackendOptions {
        server: server(place, common),
        inbound,
        authorities: near.trusted.clone(),
    })?)
}
