//! The Keycloak of the tests.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use node_sim::keycloak::Keycloak;
use serde_json::json;

/// Where a Keycloak is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its URL over TLS, without a slash at the end.
    pub(crate) url: String,
    /// The file with its CA.
    pub(crate) ca: PathBuf,
}

impl Place {
    pub(crate) fn of(keycloak: &Keycloak) -> Self {
        Self { url: keycloak.url.clone(), ca: keycloak.ca.clone() }
    }
}

/// The Keycloak of all tests that do not stop it: the one in whose company this runs, or else one that is started now.
pub(crate) fn shared() -> &'static Place {
    static SHARED: OnceLock<(Place, Option<Keycloak>)> = OnceLock::new();
    let (place, _) = SHARED.get_or_init(|| match (env::var("KEYCLOAK_HTTPS"), env::var("KEYCLOAK_CA")) {
        (Ok(url), Ok(ca)) => (Place { url, ca: ca.into() }, None),
        _ => {
            // It stops when this process ends.
            let started = start(|_| ());
            (Place::of(&started), Some(started))
        }
    });
    place
}

/// Starts a Keycloak of one's own, by a run.sh that `change` may give further options.
pub(crate) fn start(change: impl FnOnce(&mut Command)) -> Keycloak {
    let dir = tempfile::tempdir().unwrap();
    // Each test imports a realm of its own.
    let realm = dir.path().join("none.json");
    fs::write(&realm, json!({"realm": "none", "enabled": true}).to_string()).unwrap();
    Keycloak::start(&realm, change).unwrap()
}
