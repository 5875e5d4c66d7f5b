//! A household's services as tests and laptops start them: the auth service and the command center, each at
//! an address of its own, with a first household, node and app.

use core::net::SocketAddr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::auth::asking::AuthClient;
use crate::auth::http;
use crate::auth::load::{Load, Model};
use crate::auth::service::Service;
use crate::auth::state::{APP_ID, COMMAND_CENTER, First, HOUSEHOLD, LOGS, MEMBER, Now, World};
use crate::command_center::{self, CommandCenter};
use crate::config_service::{AUTH, CONFIG, ConfigService, Listed};
use crate::home::Home;
use crate::logs::Logs;
use crate::openapi;
use crate::secrets;
use crate::server::directory::DirectoryError;
use crate::server::error::StartError;
use crate::server::faults::{FaultError, Faults};
use crate::server::pki::CertificateAuthority;
use crate::server::{About, Bound, Server, ServerOptions};
use announced::Announced;
use directory::{Contents, Credential, Kept};

mod announced;
mod directory;
mod household;
#[cfg(test)]
mod load_tests;
mod options;
#[cfg(test)]
mod routes_tests;
mod servers;

pub use options::{Options, Place};

/// The first node.
const NODE_ID: &str = "kitchen-pi";

/// The room of the first node.
const ROOM: &str = "kitchen";

/// The running services of a household. They stop when dropped.
///
/// ```
/// use server_stub::{Options, Stub};
/// let stub = Stub::start(Options::default())?;
/// assert!(stub.url().starts_with("https://127.0.0.1:"));
/// stub.go_down(); // connecting is refused now
/// stub.come_back()?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Stub {
    auth: Server,
    command_center: Server,
    config: Server,
    log_intake: Server,
    announced: Announced,
    logs: Arc<Logs>,
    service: Arc<Service>,
    center: Arc<CommandCenter>,
    app_key: String,
    admin_api_key: String,
    member_password: String,
    credential: Credential,
}

impl Stub {
    /// Starts the services on threads of their own and returns when they listen. It works with and without an
    /// async runtime.
    ///
    /// They know one household with one member, one app ([`Stub::app_id`]) and one active node
    /// ([`Stub::node`]) that is granted `jarvis-command-center` and `jarvis-logs`, and in the Python home
    /// also `command-center`.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options {
            home,
            listen,
            dir,
            tls,
            key_type,
            names,
            faults,
            model,
            control,
            redirect_to,
            settings,
            ..
        } = options;
        let mut kept = dir.as_deref().map_or_else(|| Ok(Kept::default()), Kept::load)?;
        let authority = kept.server.authority(tls, key_type)?;
        let app_key = kept.app_key.unwrap_or_else(secrets::new_key);
        let credential = kept
            .credential
            .unwrap_or_else(|| Credential { node_id: NODE_ID.to_owned(), node_key: secrets::new_key() });
        let admin_token =
            settings.admin_token.clone().or(kept.server.admin_token).unwrap_or_else(secrets::new_key);
        let admin_api_key = settings.admin_api_key.clone().unwrap_or_else(|| admin_token.clone());
        let shared = ServerOptions {
            listen,
            authority,
            names,
            faults,
            control,
            redirect_to,
            admin_token: Some(admin_token),
        };
        let beside =
            |Place { listen, faults, control }| ServerOptions { listen, faults, control, ..shared.clone() };
        let load = Load::new(model);
        let of_the_home = |document: fn(Home) -> Value| About {
            manners: home.manners(),
            form: Some(home.form()),
            document: Some(document(home)),
            ..About::default()
        };
        let bound = Bound::new(
            shared.clone(),
            About {
                spares: http::is_for_administrators,
                key: kept.server.server_key,
                model: Some(Arc::new(load.clone())),
                ..of_the_home(openapi::auth)
            },
        )?;
        let member_password = kept.member_password.unwrap_or_else(secrets::new_key);
        let first = First {
            node_id: &credential.node_id,
            node_key: &credential.node_key,
            app_key: &app_key,
            member_password: &member_password,
        };
        let world = World::with(home, &first, Now::read());
        // jarvisd has no administrator before it is told the token.
        let known = home == Home::Python || settings.admin_token.is_some();
        let admin = bound.admin().clone();
        let service = Arc::new(Service::new(home, world, &settings, known.then(|| admin.clone()), load));
        let asking = AuthClient::new(&service, bound.inside(), COMMAND_CENTER, "Command Center");
        let at_config = Bound::new(beside(options.config), of_the_home(openapi::config_service))?;
        let config_at = at_config.addr();
        let center = Arc::new(CommandCenter::new(asking, admin_api_key.clone(), tls, config_at.port()));
        center.add_row(&credential.node_id, &credential.node_key, HOUSEHOLD, ROOM);
        let control = command_center::control::routes(Arc::clone(&center), admin);
        let at_center = Bound::new(
            beside(options.command_center),
            About {
                spares: |path| path == command_center::TOKENS,
                control: control.clone(),
                ..of_the_home(openapi::command_center)
            },
        )?;
        let at_logs = Bound::new(beside(options.logs), of_the_home(openapi::logs))?;
        let asking = AuthClient::new(&service, bound.inside(), LOGS, "Logs");
        let logs = Arc::new(Logs::new(asking));
        let scheme = if tls { "https" } else { "http" };
        let places = [(AUTH, &bound), (COMMAND_CENTER, &at_center), (CONFIG, &at_config), (LOGS, &at_logs)];
        let listed = places.map(|(name, at)| Listed { name, scheme, port: at.addr().port() });
        let config = ConfigService::new(home, &listed, &options.public_urls);
        let announced = Announced::start(config_at, options.announce)?;
        let paths = command_center::served(&center);
        let stub = Self {
            auth: bound.serve(http::router(&service)),
            command_center: at_center.serve(control.fallback_service(paths)),
            config: at_config.serve(config.served()),
            log_intake: at_logs.serve(logs.served()),
            announced,
            logs,
            service,
            center,
            app_key,
            admin_api_key,
            member_password,
            credential,
        };
        if let Some(dir) = dir {
            stub.write_dir(&dir)?;
        }
        Ok(stub)
    }

    /// The home that the services play.
    #[must_use]
    pub fn home(&self) -> Home {
        self.service.home
    }

    /// Whether `/admin/*` can be opened. In jarvisd it cannot before [`Settings::admin_token`] is set.
    ///
    /// [`Settings::admin_token`]: crate::Settings::admin_token
    #[must_use]
    pub fn administrator_is_known(&self) -> bool {
        self.service.admin.is_some()
    }

    /// The id of the first household.
    #[must_use]
    pub fn household_id(&self) -> &'static str {
        HOUSEHOLD
    }

    /// The auth service's URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.auth.url()
    }

    /// The address it listens on, or listened on before [`Stub::go_down`].
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.auth.addr()
    }

    /// The certificate authority to trust, in PEM. None: plain HTTP.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.auth.ca_pem()
    }

    /// The authority that signs its certificate, for the other services of the household. None: plain HTTP.
    #[must_use]
    pub fn authority(&self) -> Option<CertificateAuthority> {
        self.auth.authority()
    }

    /// The pin of the server's key as curl's `--pinnedpubkey` takes it: `sha256//` and the Base64 of the
    /// SHA-256 over its SubjectPublicKeyInfo. None: plain HTTP.
    #[must_use]
    pub fn spki_pin(&self) -> Option<String> {
        self.auth.spki_pin()
    }

    /// Renews the certificate for the same key. Open connections keep the old certificate. Does nothing
    /// without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: no certificate could be made.
    pub fn renew_certificate(&self) -> Result<(), StartError> {
        self.auth.renew_certificate()
    }

    /// Replaces the key and its certificate; [`Stub::spki_pin`] changes. A folder keeps the old key until
    /// [`Stub::write_dir`]. Does nothing without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: no certificate could be made.
    pub fn replace_key(&self) -> Result<(), StartError> {
        self.auth.replace_key()
    }

    /// The id of the app that may call.
    #[must_use]
    pub fn app_id(&self) -> &'static str {
        APP_ID
    }

    /// The key of [`Stub::app_id`] at the start.
    #[must_use]
    pub fn app_key(&self) -> &str {
        &self.app_key
    }

    /// E-mail address and password of the member of the first household, to log in with.
    #[must_use]
    pub fn member(&self) -> (&'static str, &str) {
        (MEMBER, &self.member_password)
    }

    /// The administrator's token, required at `/admin/*`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.auth.admin_token()
    }

    /// Id and key of the first node at the start.
    #[must_use]
    pub fn node(&self) -> (&str, &str) {
        (&self.credential.node_id, &self.credential.node_key)
    }

    /// Writes the files for a node into `dir`: `config.json`, `credential.json`, `app.key`, `ca.pem`; and
    /// those for the next start: `ca.key`, `server.key`, `admin.token`, `member.password`. Only the owner can read the secrets.
    /// Returns the path of `config.json`.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn write_dir(&self, dir: &Path) -> Result<PathBuf, DirectoryError> {
        let contents = Contents {
            identity: self.auth.identity(),
            url: self.url(),
            app_key: &self.app_key,
            member_password: &self.member_password,
            credential: &self.credential,
            admin_token: self.admin_token(),
        };
        contents.write(dir)
    }

    /// Closes the listening sockets and all connections, and returns when that is done. Connecting is then
    /// refused. The services keep their state, drop the calls they were processing, and forget what they
    /// remember for a minute.
    pub fn go_down(&self) {
        self.announced.end();
        for server in self.servers() {
            server.go_down();
        }
        self.service.load.restart();
        self.center.restart();
        self.logs.restart();
    }

    /// Listens again on the same addresses. Does nothing if the services are not down.
    ///
    /// # Errors
    /// Another process has taken an address meanwhile; the call can be repeated.
    pub fn come_back(&self) -> io::Result<()> {
        self.servers().into_iter().try_for_each(Server::come_back)?;
        self.announced.resume().map_err(io::Error::other)
    }

    /// Lets the command center forget what the auth service told it, as its restart does. The Python one
    /// remembers each answer for a minute.
    pub fn forget_verdicts(&self) {
        self.center.restart();
    }

    /// Replaces the faults of the auth service and of the command center; see [`Faults`]. Returns when the
    /// listening sockets are in line with them.
    ///
    /// # Errors
    /// The services cannot have them, and keep their previous faults.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultError> {
        self.auth.set_faults(faults)?;
        self.command_center.set_faults(faults)
    }

    /// Sets faults for the next `count` connections to each of the two services if one of them is met before a
    /// request is read, else for the next `count` requests. After that the service has no faults.
    ///
    /// # Errors
    /// As [`Stub::set_faults`]; and a fault of the listening socket, since refused connections are not
    /// counted.
    pub fn fault_next(&self, count: u32, faults: Faults) -> Result<(), FaultError> {
        self.auth.fault_next(count, faults)?;
        self.command_center.fault_next(count, faults)
    }

    /// The faults of the auth service in effect.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.auth.faults()
    }

    /// Sets the model for future calls.
    pub fn set_model(&self, model: Model) {
        self.service.load.set(model);
    }

    /// The model in effect.
    #[must_use]
    pub fn model(&self) -> Model {
        self.service.load.model()
    }

    /// The auth service's log, as `GET /__stub/log?since=…` shows it: see [`Server::log`].
    #[must_use]
    pub fn log(&self, since: u64) -> serde_json::Value {
        self.auth.log(since)
    }

    /// The URL for changes of the faults that works whatever the faults are; see [`Options::control`].
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.auth.control_url()
    }
}
