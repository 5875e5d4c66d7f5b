//! Everything that is read before the server can be asked: configuration, credential, app key and TLS files.
//! They are read together, so that what is used always belongs together.

mod alive;
mod first_boot;
mod secrets;
mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use node_core::agent::{Claim, Settings, Setup};
use node_core::text::Text;
use node_core::time::UnixTime;
use node_core::trouble::Trouble;
use zeroize::Zeroizing;

pub(crate) use self::secrets::load_app_key;
use self::secrets::secrets_stamp;
use self::version::Version;
use crate::auth::AuthClient;
use crate::broker::{Plan, unchecked_issuer};
use crate::config::{Config, Indicators, Sts, Tokens, Via};
use crate::error::{SetupError, Warning};
use crate::files::credential::Credential;
use crate::files::secret_file::Stamp;
use crate::files::state::NodeState;
use crate::files::{credential_store, secret_file, state};
use crate::net::tls;
use crate::net::tls::Tls;
use crate::sts::StsClient;

/// Both halves of a setup. Neither depends on the other.
#[derive(Debug)]
pub struct SetupRead {
    /// The node's own half.
    pub node: Result<Loaded, SetupError>,
    /// The broker's half.
    pub broker: BrokerRead,
    /// What is wrong with parts that the node's half does not need.
    pub warnings: Vec<Warning>,
}

/// What the configuration says about the broker.
#[derive(Debug)]
pub enum BrokerRead {
    /// It cannot be read.
    Unreadable,
    /// There is to be none.
    NotConfigured,
    /// It is to follow this.
    Configured(BrokerSetup),
}

/// Everything that a validation needs, ready for use.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The part that the agent needs to know.
    pub setup: Setup,
    /// LED and status file.
    pub indicators: Indicators,
    /// Asks the auth service.
    pub client: Arc<AuthClient>,
    /// Proves the node.
    pub credential: Arc<Credential>,
    /// Remembers what a validation shows.
    pub state_file: Arc<Path>,
}

/// The broker's configuration.
#[derive(Clone, Debug)]
pub struct BrokerSetup {
    /// How the other programs on the board get tokens.
    pub plan: Plan,
    /// Where the tokens come from, or why its files cannot be used.
    pub source: Result<TokenSource, Trouble>,
}

/// An STS and the client that asks it.
#[derive(Clone, Debug)]
pub struct TokenSource {
    /// The configuration.
    pub sts: Arc<Sts>,
    /// Asks the STS. While nothing it is made of has changed this stays one and the same client, whose tokens are
    /// still good.
    pub client: Arc<StsClient>,
}

/// Everything that is needed to ask the server about any credential.
#[derive(Debug)]
pub struct AuthContext {
    /// The configuration.
    pub config: Config,
    /// Asks the auth service.
    pub client: Arc<AuthClient>,
    /// Before this the clock is not set; `None` where that does not matter.
    pub clock_floor: Option<UnixTime>,
    state: NodeState,
    app_key: Option<Stamp>,
}

/// Reads the setup, as often as it is asked to.
#[derive(Debug)]
pub struct Reader {
    config_file: PathBuf,
    credential_file: Option<PathBuf>,
    /// The other files, as they were when they were last read.
    others: Vec<(PathBuf, Option<Version>)>,
    client: Option<(ClientKey, Arc<AuthClient>)>,
    /// What is wrong with certificates that the client does not need.
    certificates: Vec<Warning>,
    /// What the home is not shown, or should not be, by the credential that was read last.
    identity: Vec<Warning>,
    sts: Option<(StsKey, Arc<StsClient>)>,
}

/// While none of this changes an auth client is kept, and with it the TLS session it can resume.
#[derive(Debug, PartialEq, Eq)]
struct ClientKey {
    config: Config,
    app_key: Option<Stamp>,
    tls_files: tls::Stamps,
}

/// While none of this changes an STS client is kept, and with it the tokens it got.
#[derive(Debug, PartialEq, Eq)]
struct StsKey {
    sts: Arc<Sts>,
    times: (Duration, Duration),
    ca_file: Option<Stamp>,
    proof: Option<Stamp>,
}

impl Reader {
    /// A reader of the setup that the configuration at `config_file` describes.
    #[must_use]
    pub fn new(config_file: PathBuf) -> Self {
        let others = vec![(config_file.clone(), None)];
        let (certificates, identity) = (Vec::new(), Vec::new());
        Self { config_file, credential_file: None, others, client: None, certificates, identity, sts: None }
    }

    /// Where the configuration is.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.config_file
    }

    /// Where the credential is, by the last configuration that could be read.
    #[must_use]
    pub fn credential_file(&self) -> Option<&Path> {
        self.credential_file.as_deref()
    }

    /// All files that were read last, whether or not they were there.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.others.iter().map(|(path, _)| path).chain(&self.credential_file).cloned().collect()
    }

    /// Whether one of these files, other than that of the credential, is not the one that was read.
    #[must_use]
    pub fn has_new_files(&self) -> bool {
        self.others.iter().any(|(path, version)| Version::of(path) != *version)
    }

    /// Reads everything and checks it. Each half's error is the first thing found missing, unsafe or malformed.
    pub fn read(&mut self) -> SetupRead {
        let config = match self.read_config() {
            Ok(config) => config,
            Err(error) => {
                let node = Err(first_boot::told_by(error, &self.config_file));
                return SetupRead { node, broker: BrokerRead::Unreadable, warnings: Vec::new() };
            }
        };
        let (broker, mut warnings) = self.read_broker(&config);
        let node = self.read_node(config).map_err(|error| first_boot::told_by(error, &self.config_file));
        warnings.extend(self.certificates.iter().chain(&self.identity).cloned());
        SetupRead { node, broker, warnings }
    }

    /// Reads the broker's half again, and with it all warnings; `None` while the configuration cannot be read. What is
    /// new for the node's half stays new, to be found by [`Self::has_new_files`].
    pub fn read_broker_again(&mut self) -> Option<(BrokerRead, Vec<Warning>)> {
        let config = Config::load(&self.config_file).ok()?;
        let (broker, mut warnings) = self.read_broker(&config);
        warnings.extend(self.certificates.iter().chain(&self.identity).cloned());
        Some((broker, warnings))
    }

    fn read_node(&mut self, config: Config) -> Result<Loaded, SetupError> {
        let AuthContext { config, client, clock_floor, state, app_key } = self.auth_context_by(config)?;
        if state.is_of_another_board(state::board_serial().as_deref()) {
            return Err(SetupError::OtherBoard { state_file: config.state_file });
        }
        let credential_store::Found { credential, stamp, .. } =
            credential_store::load(&config.credential_file)?;
        config.via.check(&credential.node_id).map_err(|why| SetupError::Value {
            path: config.credential_file.clone(),
            key: "node_id",
            why,
        })?;
        self.identity = alive::warnings(&config, &credential);
        let setup = Setup {
            claim: Claim {
                node_id: credential.node_id.clone(),
                service_id: match &config.via {
                    Via::App { service_id, .. } => Text::from(service_id.as_str()),
                    // The service that the node wants to use is the one it asks.
                    Via::CommandCenter | Via::Logs => Text::default(),
                },
                asked_url: Text::from(config.auth_url.as_str()),
                secrets_stamp: secrets_stamp(&stamp, app_key.as_ref()),
            },
            service: config.via.service(),
            settings: Settings {
                revalidate: config.revalidate,
                offline_grace: config.offline_grace,
                start_splay: config.start_splay,
                spread: config.spread,
                request_timeout: config.request_timeout,
                clock_floor,
            },
        };
        Ok(Loaded {
            setup,
            indicators: config.indicators,
            client,
            credential: Arc::new(credential),
            state_file: config.state_file.into(),
        })
    }

    /// Reads everything but the credential: enough to ask about another one.
    ///
    /// # Errors
    /// The first thing found missing, unsafe or malformed.
    pub fn read_auth_context(&mut self) -> Result<AuthContext, SetupError> {
        let config = self.read_config()?;
        self.auth_context_by(config)
    }

    fn read_config(&mut self) -> Result<Config, SetupError> {
        // Each before it is read: what is written meanwhile counts as new.
        self.others.iter_mut().for_each(|(path, version)| *version = Version::of(path));
        let own = (self.config_file.clone(), Version::of(&self.config_file));
        let config = Config::load(&self.config_file)?;
        self.credential_file = Some(config.credential_file.clone());
        let named = config.other_files().map(|path| (path.to_owned(), Version::of(path)));
        self.others = [own].into_iter().chain(named).collect();
        Ok(config)
    }

    /// Reads what `config` names except the credential.
    ///
    /// # Errors
    /// The first thing found missing, unsafe or malformed.
    pub(crate) fn auth_context_by(&mut self, config: Config) -> Result<AuthContext, SetupError> {
        let state = NodeState::load(&config.state_file);
        let (app_key, stamp) = match &config.via {
            Via::App { app_key_file, .. } => {
                load_app_key(app_key_file).map(|(key, stamp)| (key, Some(stamp)))?
            }
            Via::CommandCenter | Via::Logs => (Zeroizing::new(Vec::new()), None),
        };
        let client = self.client_for(config.clone(), app_key, stamp)?;
        let clock_floor = config.needs_clock().then(|| state.clock_floor());
        Ok(AuthContext { config, client, clock_floor, state, app_key: stamp })
    }

    /// The broker's half, and the warnings about it and the configuration.
    fn read_broker(&mut self, config: &Config) -> (BrokerRead, Vec<Warning>) {
        let mut warnings = config.warnings.clone();
        warnings.extend(state::warning(&config.state_file));
        let (sts, broker) = match config.tokens() {
            Tokens::Malformed => return (BrokerRead::Unreadable, warnings),
            Tokens::NotGivenOut => {
                self.sts = None;
                return (BrokerRead::NotConfigured, warnings);
            }
            Tokens::Through { sts, broker } => (sts, broker),
        };
        let source = self.source_by(sts, config).map_err(|error| {
            let trouble = error.to_trouble();
            warnings.push(Warning::new("sts", trouble.reason.as_str(), trouble.fix.as_str()));
            trouble
        });
        if let Ok(source) = &source {
            warnings.extend(unchecked_issuer(source.client.issuer()));
        }
        let plan = Plan::of(sts, broker, config.request_timeout, &mut warnings);
        (BrokerRead::Configured(BrokerSetup { plan, source }), warnings)
    }

    fn source_by(&mut self, sts: &Sts, config: &Config) -> Result<TokenSource, SetupError> {
        let ca_file = sts.ca_file.as_deref().map(|path| Stamp::of_file("ca_file", path)).transpose()?;
        // It is read though the client is kept: whoever may read it by now matters, even if it is the one from before.
        let proof = sts.proof_file().map(|(what, path)| secret_file::read(what, path)).transpose()?;
        let proof = proof.map(|(_, stamp)| stamp);
        let times = (config.connect_timeout, config.request_timeout);
        let key = StsKey { sts: Arc::new(sts.clone()), times, ca_file, proof };
        let client = match self.sts.take() {
            Some((of, client)) if of == key => client,
            Some(_) | None => {
                let clock_floor = NodeState::load(&config.state_file).clock_floor();
                Arc::new(StsClient::load(sts, config, clock_floor)?)
            }
        };
        let source = TokenSource { sts: Arc::clone(&key.sts), client: Arc::clone(&client) };
        self.sts = Some((key, client));
        Ok(source)
    }

    fn client_for(
        &mut self,
        config: Config,
        app_key: Zeroizing<Vec<u8>>,
        app_key_stamp: Option<Stamp>,
    ) -> Result<Arc<AuthClient>, SetupError> {
        let tls_files = tls::Stamps::of(&config.tls)?;
        let key = ClientKey { config, app_key: app_key_stamp, tls_files };
        if let Some((of, client)) = &self.client
            && *of == key
        {
            return Ok(Arc::clone(client));
        }
        self.certificates.clear();
        let tls = Tls::new(&key.config.tls)?;
        self.certificates.extend_from_slice(tls.warnings());
        let client = Arc::new(alive::shown(AuthClient::new(&key.config, tls, app_key), &key.config)?);
        self.client = Some((key, Arc::clone(&client)));
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_of_the_sts_opened_to_others_is_warned_of() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let (path, secret) = (dir.path().join("config.json"), dir.path().join("secret"));
        std::fs::write(&secret, "s3cret").expect("written");
        let config = r#"{"via":{"command_center":"http://127.0.0.1"},"credential_file":"c.json","state_file":"s.json",
            "sts":{"issuer":"https://sts.home","client_id":"n","client_secret_file":"secret","audiences":{"a":{}}},
            "broker":{"socket":"n.sock"}}"#;
        std::fs::write(&path, config).expect("written");
        let mut reader = Reader::new(path);
        let mut first = None;
        for (mode, sound) in [(0o600, true), (0o644, false), (0o640, false), (0o600, true)] {
            std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).expect("mode set");
            let SetupRead { broker, warnings, .. } = reader.read();
            let BrokerRead::Configured(BrokerSetup { source, .. }) = broker else { panic!("configured") };
            let codes: Vec<_> = warnings.iter().map(|one| &*one.code).collect();
            assert_eq!(
                (source.is_ok(), codes),
                (sound, if sound { vec![] } else { vec!["sts"] }),
                "{mode:o}"
            );
            if let Ok(source) = source {
                let client = first.get_or_insert_with(|| Arc::clone(&source.client));
                assert!(Arc::ptr_eq(client, &source.client), "its tokens are still good");
            }
        }
    }

    #[test]
    fn broker_read_again_leaves_new_files_new() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("config.json");
        let put = |text: &str| {
            let new = dir.path().join("config.new");
            std::fs::write(&new, text).expect("written");
            std::fs::rename(new, &path).expect("replaced");
        };
        let config = |more: &str| {
            format!(
                r#"{{"via":{{"command_center":"http://127.0.0.1"}},"credential_file":"c.json","state_file":"s.json"{more}}}"#
            )
        };
        put(&config(r#", "led": 7"#));
        let mut reader = Reader::new(path.clone());
        assert!(reader.has_new_files(), "nothing was read yet");
        assert_eq!(reader.read().warnings.len(), 1);
        assert!(!reader.has_new_files());
        put(&config(""));
        let (_, warnings) = reader.read_broker_again().expect("sound");
        assert_eq!(warnings, []);
        assert!(reader.has_new_files(), "the node's half has not seen it");
        reader.read().node.expect_err("no credential");
        assert!(!reader.has_new_files());
        put("{");
        assert!(reader.read_broker_again().is_none() && reader.has_new_files());
    }
}
