//! A file with the variables of an STS, in the form of SmartEM's agent (docs/wire/smartem.md): `KEY=VALUE`, one a line,
//! without quotes and without `export`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use node_core::plain;
use zeroize::Zeroizing;

use super::client::Client;
use super::{MainConfig, named};
use crate::error::SetupError;
use crate::files::secret_file;

/// What it is called.
pub(super) const WHAT: &str = "env_file";

/// The variables of a file.
pub(crate) struct EnvFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    values: BTreeMap<&'static str, Zeroizing<String>>,
    /// What a shell would have taken away, as sentences: the agent takes quotes for a part of the value, and `export` for
    /// one of the name.
    flaws: BTreeMap<&'static str, String>,
}

impl EnvFile {
    /// Reads the file at `path` as files with secrets are read. Of a name that comes twice the last value counts.
    ///
    /// # Errors
    /// Those of [`secret_file::read_text`], and when it is not UTF-8.
    pub(crate) fn read(path: &Path) -> Result<Self, SetupError> {
        let (bytes, _) = secret_file::read_text(WHAT, path)?;
        let text = plain::text(&bytes);
        let text = text.map_err(|why| SetupError::Text { what: WHAT, path: path.into(), why })?;
        let (mut values, mut flaws) = (BTreeMap::new(), BTreeMap::new());
        let lines = (1..).zip(text.split('\n')).flat_map(|(at, line)| line.split('\r').map(move |l| (at, l)));
        for (at, line) in lines {
            let Some((name, value)) = line.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            let exported = name.strip_prefix("export ").map(str::trim_start);
            let Some(known) = named::names().find(|known| *known == exported.unwrap_or(name)) else {
                continue;
            };
            let flaw = match exported {
                Some(_) if values.contains_key(known) => continue,
                Some(_) => "has export before it, where that is a part of the name: leave it out",
                None => {
                    values.insert(known, Zeroizing::new(value.into()));
                    flaws.remove(known);
                    if !is_quoted(value) {
                        continue;
                    }
                    "has quotes around its value, where they are a part of it: leave them out"
                }
            };
            flaws.insert(known, format!("line {at}: {known} {flaw}"));
        }
        Ok(Self { path: path.into(), values, flaws })
    }

    /// The value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Zeroizing<String>> {
        self.values.get(name).cloned()
    }

    /// The STS that it describes.
    ///
    /// # Errors
    /// A sentence that names what is missing, what is there twice, or what is malformed: before all of this what a shell
    /// would have taken away.
    pub(super) fn client(&self, main: &MainConfig<'_>) -> Result<Client, SetupError> {
        let read = named::read(&|name| self.get(name), main);
        let is_needed = |name: &str| match &read {
            Ok(Some(named)) => self.values.contains_key(name) && !named.unused.contains(&name),
            Ok(None) | Err(_) => true,
        };
        let flaw = self.flaws.iter().find(|(name, _)| is_needed(name));
        match (flaw, read) {
            (Some((_, why)), _) => Err(why.clone()),
            (None, Ok(Some(named))) => Ok(Client { address: "sts.env_file", ..named.client }),
            (None, Ok(None)) => {
                Err("there is no STS in it: KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID and \
                             KEYCLOAK_CLIENT_SECRET belong there"
                    .into())
            }
            (None, Err(why)) => Err(why),
        }
        .map_err(|why| SetupError::Config { path: self.path.clone(), why })
    }
}

fn is_quoted(value: &str) -> bool {
    value.len() > 1 && ['"', '\''].iter().any(|quote| value.starts_with(*quote) && value.ends_with(*quote))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::net::service_url::ServiceUrl;

    const SOUND: &str = "KEYCLOAK_URL=https://sts.home/\nKEYCLOAK_REALM=dls\nKEYCLOAK_CLIENT_ID=node\n\
                         KEYCLOAK_CLIENT_SECRET=s3cret\n";

    /// The client and its secret by a file with this content, or the sentence about it.
    fn read(content: &[u8]) -> Result<(Client, String), String> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("agent.env");
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode set");
        let auth_url = ServiceUrl::parse("auth_url", "https://auth.home:7701", false).expect("sound");
        let main = MainConfig { auth_url: &auth_url, allow_http: false, ca_file: None };
        let file = EnvFile::read(&path);
        let read = file.and_then(|file| {
            let secret = file.get("KEYCLOAK_CLIENT_SECRET").unwrap_or_default();
            file.client(&main).map(|client| (client, secret.to_string()))
        });
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn file_is_read_as_the_agent_reads_it() {
        let crlf = SOUND.replace('\n', "\r\n");
        for content in [
            SOUND.into(),
            crlf.clone(),
            format!("\u{feff}{crlf}"),
            SOUND.trim_end().replace('\n', "\r"),
            format!("# KEYCLOAK_REALM=x\n\n  \nno assignment\nSMARTEM_API=\"x\"\n{SOUND}export PATH=/bin\n"),
            SOUND.replace('=', " = ").replace("KEY", "\tKEY"),
            format!("{SOUND}AGENT_CLIENT_ID='x'\nexport ARP_AUTH_ISSUER=y\n"),
            format!("KEYCLOAK_CLIENT_SECRET=old\nKEYCLOAK_REALM=\"dls\"\nexport KEYCLOAK_URL=x\n{SOUND}"),
        ] {
            let (client, secret) = read(content.as_bytes()).expect("sound");
            assert_eq!(
                (client.issuer.as_str(), &*secret),
                ("https://sts.home/realms/dls", "s3cret"),
                "{content}"
            );
            assert_eq!((client.client_id.as_str(), client.address), ("node", "sts.env_file"));
        }
        let (_, secret) = read(format!("{SOUND}KEYCLOAK_CLIENT_SECRET= a=b# \n").as_bytes()).expect("sound");
        assert_eq!(secret, "a=b#");
    }

    #[test]
    fn what_a_shell_would_take_away_is_named_by_its_line() {
        for (from, to, says) in [
            ("=dls", "='dls'", "line 2: KEYCLOAK_REALM has quotes around its value"),
            ("=s3cret", "=\"s3cret\"", "line 4: KEYCLOAK_CLIENT_SECRET has quotes"),
            (
                "KEYCLOAK_CLIENT_SECRET",
                "export KEYCLOAK_CLIENT_SECRET",
                "line 4: KEYCLOAK_CLIENT_SECRET has export before it",
            ),
        ] {
            let told = read(SOUND.replace(from, to).as_bytes()).expect_err(to);
            assert!(told.contains(says) && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn file_that_cannot_be_used_is_named_with_what_it_lacks() {
        for (content, says) in [
            ("", "is empty"),
            ("# nothing\n", "there is no STS in it: KEYCLOAK_URL"),
            (&SOUND.replace("=dls", "="), "are set: KEYCLOAK_REALM"),
            (&SOUND.replace("https:", "ftp:"), "must begin with https://"),
            (&format!("{SOUND}AGENT_CLIENT_ID=x\nAGENT_CLIENT_SECRET=y"), "are both set"),
        ] {
            let told = read(content.as_bytes()).expect_err(says);
            assert!(told.contains(says) && told.contains("agent.env") && !told.contains("s3cret"), "{told}");
        }
        let told = read(b"KEYCLOAK_URL=x\nKEYCLOAK_REALM=caf\xe9\n").expect_err("Latin-1");
        assert!(told.contains("a character on line 2 that is not UTF-8"), "{told}");
    }
}
