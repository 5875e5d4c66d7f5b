//! A Keycloak that runs.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Where a Keycloak is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its URL over TLS, without a slash at the end.
    pub(crate) url: String,
    /// The file with its CA.
    pub(crate) ca: PathBuf,
}

/// The Keycloak of all tests that neither stop it nor set its clock: the one in whose company this runs, or else one
/// that is started now.
pub(crate) fn shared() -> &'static Place {
    static SHARED: OnceLock<(Place, Option<Keycloak>)> = OnceLock::new();
    let (place, _) = SHARED.get_or_init(|| match (env::var("KEYCLOAK_HTTPS"), env::var("KEYCLOAK_CA")) {
        (Ok(url), Ok(ca)) => (Place { url, ca: ca.into() }, None),
        _ => {
            // It stops when this process ends and its standard input with it.
            let started = Keycloak::start(|_| ());
            (started.place.clone(), Some(started))
        }
    });
    place
}

/// A Keycloak of one's own. Stopped when dropped.
pub(crate) struct Keycloak {
    pub(crate) place: Place,
    run: Child,
    /// It runs until this is closed.
    stdin: Option<ChildStdin>,
    _dir: Option<TempDir>,
}

impl Keycloak {
    /// Starts one, by a run.sh that `change` may give further options or variables. Returns when it is ready.
    pub(crate) fn start(change: impl FnOnce(&mut Command)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let realm = dir.path().join("none.json");
        fs::write(&realm, json!({"realm": "none", "enabled": true}).to_string()).unwrap();
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("server-stub/keycloak/run.sh");
        let mut command = Command::new(script);
        command.arg("--realm").arg(realm);
        change(&mut command);
        let tell = r#"printf '%s\n' "{\"https\":\"$KEYCLOAK_HTTPS\",\"ca\":\"$KEYCLOAK_CA\"}"; exec cat"#;
        command.args(["--", "sh", "-c", tell]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = command.spawn().unwrap();
        let stdin = run.stdin.take();
        let mut told = String::new();
        BufReader::new(run.stdout.take().unwrap()).read_line(&mut told).unwrap();
        let told: Value = serde_json::from_str(&told).expect("a Keycloak that is ready");
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { place: Place { url: text("https"), ca: text("ca").into() }, run, stdin, _dir: Some(dir) }
    }
}

impl Drop for Keycloak {
    fn drop(&mut self) {
        self.stdin = None;
        // It has been asked to end, and this is no place to fail.
        let _ = self.run.wait();
    }
}
