//! The demo's token service: the stub's, or a real Keycloak.

use core::time::Duration;
use std::fs;
use std::path::Path;

use serde_json::Value;
use server_stub::jwt::Algorithm;
use server_stub::{Realm, ServerOptions, Sts, StsOptions, Stub};

use super::tokens::CLIENT;
use super::{DemoError, context};
use crate::keycloak::{self, Keycloak};

/// A token service with the dev realm, which knows the node's key.
pub(super) enum TokenService {
    Stub(Sts),
    Keycloak { keycloak: Keycloak, realm: String },
}

impl TokenService {
    /// The stub's, with the certificate authority of `stub`. `keys` are the public half of the node's, and `life` is that
    /// of its tokens.
    pub(super) fn stub(stub: &Stub, keys: &str, life: Duration) -> Result<Self, DemoError> {
        let keys = serde_json::from_str(keys).map_err(context("the key's public half is not JSON"))?;
        let sts = Sts::start(StsOptions {
            server: ServerOptions { authority: stub.authority(), ..ServerOptions::default() },
            realm: Realm::dev().with_life(life),
            algorithm: Algorithm::Es256,
            ..StsOptions::default()
        })
        .map_err(context("the token service did not start"))?;
        sts.register_key(CLIENT, &keys).map_err(context("the token service does not accept the key"))?;
        Ok(Self::Stub(sts))
    }

    /// A Keycloak that is started now; `dir` gets its realm's file.
    pub(super) fn keycloak(dir: &Path, keys: &str, life: Duration) -> Result<Self, DemoError> {
        let no_file = "the realm's file cannot be prepared";
        let text = keycloak::source("arp-dev.json").and_then(fs::read_to_string).map_err(context(no_file))?;
        let mut realm: Value = serde_json::from_str(&text).map_err(context(no_file))?;
        realm["accessTokenLifespan"] = life.as_secs().into();
        let clients = realm["clients"].as_array_mut().into_iter().flatten();
        for client in clients.filter(|client| client["clientId"] == CLIENT) {
            client["clientAuthenticatorType"] = "client-jwt".into();
            client["attributes"]["use.jwks.string"] = "true".into();
            client["attributes"]["jwks.string"] = keys.into();
        }
        let file = dir.join("realm.json");
        fs::write(&file, realm.to_string()).map_err(context(no_file))?;
        let keycloak = Keycloak::start(&file, |_| ()).map_err(context("Keycloak did not start"))?;
        Ok(Self::Keycloak { keycloak, realm: realm["realm"].as_str().unwrap_or_default().to_owned() })
    }

    pub(super) fn issuer(&self) -> String {
        match self {
            Self::Stub(sts) => sts.issuer().to_owned(),
            Self::Keycloak { keycloak, realm } => format!("{}/realms/{realm}", keycloak.url),
        }
    }

    /// What it signs tokens with.
    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Stub(_) => Algorithm::Es256,
            Self::Keycloak { .. } => Algorithm::Rs256,
        }
    }

    /// The file with its CA, if that is not the home's.
    pub(super) fn ca_file(&self) -> Option<&Path> {
        match self {
            Self::Stub(_) => None,
            Self::Keycloak { keycloak, .. } => Some(&keycloak.ca),
        }
    }

    /// How many requests for tokens it has had, if it counts them.
    pub(super) fn requests(&self) -> Option<u64> {
        match self {
            Self::Stub(sts) => Some(sts.token_requests()),
            Self::Keycloak { .. } => None,
        }
    }
}
