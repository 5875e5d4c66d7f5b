//! A real Keycloak, which the script of this source tree starts and stops: server-stub/keycloak/run.sh.

use std::env;
use std::io;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// Prints where Keycloak is, and ends with its standard input.
const TELL: &str = r#"printf '{"https":"%s","ca":"%s"}\n' "$KEYCLOAK_HTTPS" "$KEYCLOAK_CA"; exec cat"#;

/// A Keycloak that runs. Stopped when dropped, and when this program ends in any way.
pub struct Keycloak {
    /// Its URL over TLS, without a slash at the end.
    pub url: String,
    /// The file with its CA certificate, in PEM.
    pub ca: PathBuf,
    run: Child,
    /// It runs until this is closed.
    stdin: Option<ChildStdin>,
}

impl Keycloak {
    /// Starts one with the realm in the file `realm`, and returns when it is ready. `change` may give the script further
    /// options and variables.
    ///
    /// # Errors
    /// The script cannot be run, or Keycloak does not start; the script has said why on standard error.
    pub fn start(realm: &Path, change: impl FnOnce(&mut Command)) -> io::Result<Self> {
        let script = source("run.sh")?;
        let mut command = Command::new(&script);
        command.arg("--realm").arg(realm);
        change(&mut command);
        command.args(["--", "sh", "-c", TELL]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = command.spawn()?;
        let stdin = run.stdin.take();
        let mut told = String::new();
        if let Some(stdout) = run.stdout.take() {
            BufReader::new(stdout).read_line(&mut told)?;
        }
        let told: Value = serde_json::from_str(&told)
            .map_err(|_| io::Error::other(format!("{} has not said where it is", script.display())))?;
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        Ok(Self { url: text("https"), ca: text("ca").into(), run, stdin })
    }
}

impl Drop for Keycloak {
    fn drop(&mut self) {
        self.stdin = None;
        // It has been told to end, and there is nobody to tell if it does not.
        let _ = self.run.wait();
    }
}

/// A file of server-stub/keycloak in the source tree of the current folder, or of the package that Cargo runs.
///
/// # Errors
/// Neither is in a source tree: a program that is given away has none.
pub fn source(name: &str) -> io::Result<PathBuf> {
    let place = Path::new("server-stub/keycloak").join(name);
    let starts = [env::current_dir().ok(), env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)];
    let folders = starts.iter().flatten().flat_map(|start| start.ancestors());
    folders.map(|folder| folder.join(&place)).find(|file| file.exists()).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "there is no {} here: a real Keycloak needs jarvis-node's source tree, so go there",
                place.display()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_found_from_the_tree_and_missed_by_name() {
        assert!(source("arp-dev.json").expect("found").is_absolute());
        let told = source("gone.json").expect_err("there is none").to_string();
        assert!(told.contains("server-stub/keycloak/gone.json"), "{told}");
    }
}
