//! Everything that is read before the server can be asked: configuration, credential, app key
//! and the files of TLS, together, so that what is used always belongs together.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use node_core::agent::{Claim, Settings, Setup};
use node_core::credential::Malformed;
use node_core::text::Text;
use node_core::time::UnixTime;
use zeroize::Zeroizing;

use crate::auth::AuthClient;
use crate::broker::Plan;
use crate::config::{Config, Indicators, Sts, Via};
use crate::error::SetupError;
use crate::files::credential::Credential;
use crate::files::secret_file::Stamp;
use crate::files::state_file::State;
use crate::files::{credential_store, secret_file, state_file};
use crate::net::tls;
use crate::net::tls::Tls;
use crate::sts::StsClient;

/// What was read, ready for use.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the agent needs to know of it.
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

/// What the configuration wants of the broker, which holds even if something else cannot be used: a right
/// that was taken back is gone.
#[derive(Clone, Debug)]
pub struct BrokerSetup {
    /// How the other programs on the board get tokens; `None` for not at all.
    pub plan: Option<Plan>,
    /// Where they come from; `None` where there is no such place, or none that can be used.
    pub tokens: Option<TokenSource>,
}

/// What gets tokens, and for whom.
#[derive(Clone, Debug)]
pub struct TokenSource {
    /// The configuration.
    pub sts: Arc<Sts>,
    /// Asks the STS. The same one as before while nothing of what it is made of has changed: then its tokens
    /// are still good.
    pub client: Arc<StsClient>,
}

/// What asks the server, whatever the credential.
#[derive(Debug)]
pub struct AuthContext {
    /// The configuration.
    pub config: Config,
    /// Asks the auth service.
    pub client: Arc<AuthClient>,
    /// Before this the clock is not set; `None` where that does not matter.
    pub clock_floor: Option<UnixTime>,
    state: State,
    app_key: Option<Stamp>,
}

/// Reads the setup, as often as it is asked to.
#[derive(Debug)]
pub struct Reader {
    config_file: PathBuf,
    credential_file: Option<PathBuf>,
    broker_setup: Option<BrokerSetup>,
    client: Option<(ClientKey, Arc<AuthClient>)>,
    sts: Option<(StsKey, Arc<StsClient>)>,
}

/// The same for the STS's client and its tokens.
#[derive(Debug, PartialEq, Eq)]
struct StsKey {
    sts: Arc<Sts>,
    times: (Duration, Duration),
    ca_file: Option<Stamp>,
    proof: Option<Stamp>,
}

/// While none of this changes a client is kept, and with it the TLS session it can resume.
#[derive(Debug, PartialEq, Eq)]
struct ClientKey {
    config: Config,
    app_key: Option<Stamp>,
    tls_files: tls::Stamps,
}

impl Reader {
    /// A reader of the setup that the configuration at `config_file` describes.
    #[must_use]
    pub const fn new(config_file: PathBuf) -> Self {
        Self { config_file, credential_file: None, broker_setup: None, client: None, sts: None }
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

    /// What the last reading found out about the broker, once; `None` if nothing.
    pub const fn take_giving(&mut self) -> Option<BrokerSetup> {
        self.broker_setup.take()
    }

    /// Reads everything and checks it.
    ///
    /// # Errors
    /// The first thing found missing, unsafe or malformed.
    pub fn read(&mut self) -> Result<Loaded, SetupError> {
        self.broker_setup = None;
        let config = self.read_config()?;
        let broker_setup = self.broker_setup_by(&config);
        let loaded = self.read_node(config)?;
        broker_setup.map(|()| loaded)
    }

    fn read_node(&mut self, config: Config) -> Result<Loaded, SetupError> {
        let AuthContext { config, client, clock_floor, state, app_key } = self.auth_context_by(config)?;
        if state.is_of_another_board(state_file::board_serial().as_deref()) {
            return Err(SetupError::OtherBoard { state_file: config.state_file });
        }
        let credential_store::Found { credential, stamp } = credential_store::load(&config.credential_file)?;
        let mut stamps = DefaultHasher::new();
        (stamp, app_key).hash(&mut stamps);
        let setup = Setup {
            claim: Claim {
                node_id: credential.node_id.clone(),
                service_id: match &config.via {
                    Via::App { service_id, .. } => Text::from(service_id.as_str()),
                    // It wants to use the very one that it asks.
                    Via::CommandCenter => Text::default(),
                },
                auth_url: Text::from(config.auth_url.as_str()),
                secrets_stamp: stamps.finish(),
            },
            settings: Settings {
                revalidate: config.revalidate,
                offline_grace: config.offline_grace,
                start_splay: config.start_splay,
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

    /// Reads all but the credential: enough to ask about another one.
    ///
    /// # Errors
    /// The first thing found missing, unsafe or malformed.
    pub fn read_auth_context(&mut self) -> Result<AuthContext, SetupError> {
        let config = self.read_config()?;
        self.auth_context_by(config)
    }

    fn read_config(&mut self) -> Result<Config, SetupError> {
        let config = Config::load(&self.config_file)?;
        self.credential_file = Some(config.credential_file.clone());
        Ok(config)
    }

    fn auth_context_by(&mut self, config: Config) -> Result<AuthContext, SetupError> {
        let state = State::load(&config.state_file);
        let (app_key, stamp) = match &config.via {
            Via::App { app_key_file, .. } => {
                load_app_key(app_key_file).map(|(key, stamp)| (key, Some(stamp)))?
            }
            Via::CommandCenter => (Zeroizing::new(Vec::new()), None),
        };
        let client = self.client_for(config.clone(), app_key, stamp)?;
        let clock_floor = config.needs_clock().then(|| state.clock_floor());
        Ok(AuthContext { config, client, clock_floor, state, app_key: stamp })
    }

    fn broker_setup_by(&mut self, config: &Config) -> Result<(), SetupError> {
        let tokens = self.tokens_by(config, State::load(&config.state_file).clock_floor());
        let plan = Plan::of(config, &self.config_file)?;
        let (tokens, error) = tokens.map_or_else(|error| (None, Err(error)), |tokens| (tokens, Ok(())));
        self.broker_setup = Some(BrokerSetup { plan, tokens });
        error
    }

    fn tokens_by(
        &mut self,
        config: &Config,
        clock_floor: UnixTime,
    ) -> Result<Option<TokenSource>, SetupError> {
        let Some(sts) = &config.sts else {
            self.sts = None;
            return Ok(None);
        };
        let ca_file = sts.ca_file.as_deref().map(|path| Stamp::of_file("ca_file", path)).transpose()?;
        let proof = sts.authentication.file();
        let proof = proof.map(|path| Stamp::of_file("client secret or key file", path)).transpose()?;
        let times = (config.connect_timeout, config.request_timeout);
        let key = StsKey { sts: Arc::new(sts.clone()), times, ca_file, proof };
        let client = match self.sts.take() {
            Some((of, client)) if of == key => client,
            Some(_) | None => Arc::new(StsClient::load(sts, config, clock_floor)?),
        };
        let source = TokenSource { sts: Arc::clone(&key.sts), client: Arc::clone(&client) };
        self.sts = Some((key, client));
        Ok(Some(source))
    }

    fn client_for(
        &mut self,
        config: Config,
        app_key: Zeroizing<Vec<u8>>,
        app_key_stamp: Option<Stamp>,
    ) -> Result<Arc<AuthClient>, SetupError> {
        let tls_files = tls::Stamps::of(&config)?;
        let key = ClientKey { config, app_key: app_key_stamp, tls_files };
        if let Some((of, client)) = &self.client
            && *of == key
        {
            return Ok(Arc::clone(client));
        }
        let tls = Tls::new(&key.config)?;
        let client = Arc::new(AuthClient::new(&key.config, tls, app_key));
        self.client = Some((key, Arc::clone(&client)));
        Ok(client)
    }
}

pub(crate) fn load_app_key(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    let (mut key, stamp) = secret_file::read("app key file", path)?;
    while key.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        key.pop();
    }
    let wrong = |why| SetupError::Value { path: path.into(), key: "app key", why };
    if key.is_empty() {
        return Err(wrong(Malformed::Placeholder));
    }
    if key.len() > 512 {
        return Err(wrong(Malformed::TooLong(512)));
    }
    // It travels in a header.
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(wrong(Malformed::Forbidden("a character that is not visible ASCII")));
    }
    Ok((key, stamp))
}
