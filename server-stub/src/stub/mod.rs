//! The auth server as tests and laptops start it: the auth service and command-center's paths behind
//! one address, with a first household, node and app.

use core::net::SocketAddr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::auth::http::{self, Http};
use crate::auth::load::{Load, Model};
use crate::auth::service::Service;
use crate::auth::state::{APP_ID, First, Now, World};
use crate::command_center::{self, CommandCenter};
use crate::secrets;
use crate::server::directory::DirectoryError;
use crate::server::error::StartError;
use crate::server::faults::{FaultError, Faults};
use crate::server::pki::CertificateAuthority;
use crate::server::{About, Bound, Server, ServerOptions};
use directory::{Contents, Credential, Kept};

mod directory;
#[cfg(test)]
mod load_tests;
mod options;

pub use options::Options;

/// The first node.
const NODE_ID: &str = "kitchen-pi";

/// A running auth server. Stops when dropped.
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
    server: Server,
    service: Arc<Service>,
    command_center: Arc<CommandCenter>,
    app_key: String,
    credential: Credential,
}

impl Stub {
    /// Starts a server on a thread of its own and returns when it listens. It works with and without an async
    /// runtime.
    ///
    /// The server knows one household with one member, one app ([`Stub::app_id`]) and one active node
    /// ([`Stub::node`]) that is granted `command-center`.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options { listen, dir, tls, names, faults, model, control, redirect_to, settings } = options;
        let kept = dir.as_deref().map_or_else(|| Ok(Kept::default()), Kept::load)?;
        let app_key = kept.app_key.unwrap_or_else(secrets::new_key);
        let credential = kept
            .credential
            .unwrap_or_else(|| Credential { node_id: NODE_ID.to_owned(), node_key: secrets::new_key() });
        let admin_token =
            settings.admin_token.clone().or(kept.server.admin_token).unwrap_or_else(secrets::new_key);
        let authority = match (tls, kept.server.authority) {
            (true, Some(kept)) => Some(kept),
            (true, None) => Some(CertificateAuthority::new()?),
            (false, _) => None,
        };
        let options = ServerOptions {
            listen,
            authority,
            names,
            faults,
            control,
            redirect_to,
            admin_token: Some(admin_token),
        };
        let load = Load::new(model);
        let bound = Bound::new(
            options,
            About {
                spares: is_spared,
                key: kept.server.server_key,
                model: Some(Arc::new(load.clone())),
                ..About::NONE
            },
        )?;
        let first = First { node_id: &credential.node_id, node_key: &credential.node_key, app_key: &app_key };
        let world = World::with(&first, Now::read());
        let service = Arc::new(Service::new(world, &settings, bound.admin().clone(), load));
        let command_center = Arc::<CommandCenter>::default();
        let more = command_center::routes(Arc::clone(&command_center));
        let server = bound.serve(Http::new(more, Arc::clone(&service)).into_router());
        let stub = Self { server, service, command_center, app_key, credential };
        if let Some(dir) = dir {
            stub.write_dir(&dir)?;
        }
        Ok(stub)
    }

    /// The server's URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The address it listens on, or listened on before [`Stub::go_down`].
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The certificate authority to trust, in PEM. None: plain HTTP.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.server.ca_pem()
    }

    /// The authority that signs its certificate, for the other services of the household. None: plain HTTP.
    #[must_use]
    pub fn authority(&self) -> Option<CertificateAuthority> {
        self.server.authority()
    }

    /// The pin of the server's key as curl's `--pinnedpubkey` takes it: `sha256//` and the Base64 of the
    /// SHA-256 over its SubjectPublicKeyInfo. None: plain HTTP.
    #[must_use]
    pub fn spki_pin(&self) -> Option<String> {
        self.server.spki_pin()
    }

    /// Renews the certificate for the same key. Open connections keep the old certificate. Does nothing
    /// without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: no certificate could be made.
    pub fn renew_certificate(&self) -> Result<(), StartError> {
        self.server.renew_certificate()
    }

    /// Replaces the key and its certificate; [`Stub::spki_pin`] changes. A folder keeps the old key until
    /// [`Stub::write_dir`]. Does nothing without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: no certificate could be made.
    pub fn replace_key(&self) -> Result<(), StartError> {
        self.server.replace_key()
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

    /// The administrator's token, required at `/admin/*`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.server.admin_token()
    }

    /// Id and key of the first node at the start.
    #[must_use]
    pub fn node(&self) -> (&str, &str) {
        (&self.credential.node_id, &self.credential.node_key)
    }

    /// Writes the files for a node into `dir`: `config.json`, `credential.json`, `app.key`, `ca.pem`; and
    /// those for the next start: `ca.key`, `server.key`, `admin.token`. Only the owner can read the secrets.
    /// Returns the path of `config.json`.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn write_dir(&self, dir: &Path) -> Result<PathBuf, DirectoryError> {
        let contents = Contents {
            identity: self.server.identity(),
            url: self.url(),
            app_key: &self.app_key,
            credential: &self.credential,
            admin_token: self.admin_token(),
        };
        contents.write(dir)
    }

    /// Closes the listening socket and all connections, and returns when that is done. Connecting is then
    /// refused. The server keeps its state and drops the calls it was processing.
    pub fn go_down(&self) {
        self.server.go_down();
        self.service.load.restart();
    }

    /// Listens again on the same address. Does nothing if the server is not down.
    ///
    /// # Errors
    /// Another process has taken the address meanwhile; the call can be repeated.
    pub fn come_back(&self) -> io::Result<()> {
        self.server.come_back()
    }

    /// Replaces the server's faults; see [`Faults`]. Returns when the listening socket is in line with them.
    ///
    /// # Errors
    /// The server cannot have them, and keeps its previous faults.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultError> {
        self.server.set_faults(faults)
    }

    /// Sets faults for the next `count` connections if one of them is met before a request is read, else for
    /// the next `count` requests. After that the server has no faults.
    ///
    /// # Errors
    /// As [`Stub::set_faults`]; and a fault of the listening socket, since refused connections are not
    /// counted.
    pub fn fault_next(&self, count: u32, faults: Faults) -> Result<(), FaultError> {
        self.server.fault_next(count, faults)
    }

    /// The faults in effect.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.server.faults()
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

    /// The log, as `GET /__stub/log?since=…` shows it: see [`Server::log`].
    #[must_use]
    pub fn log(&self, since: u64) -> serde_json::Value {
        self.server.log(since)
    }

    /// The URL for changes of the faults that works whatever the faults are; see [`Options::control`].
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.server.control_url()
    }

    /// Replaces a node's key, as an administrator would, and returns the new one. The old key fails from now
    /// on. None: no such node.
    #[must_use = "the new key is shown only once"]
    pub fn rotate_key(&self, node_id: &str) -> Option<String> {
        self.service.world().rotate_node_key(node_id, Now::read())
    }

    /// Deactivates a node. It cannot be reactivated. False: no such node.
    pub fn deactivate(&self, node_id: &str) -> bool {
        self.service.world().deactivate_node(node_id, Now::read())
    }

    /// Registers another node in the household of the first, as an administrator would, with the same grant,
    /// and returns its key. None: a node of that name exists.
    #[must_use = "the key is shown only once"]
    pub fn register(&self, node_id: &str) -> Option<String> {
        self.service.world().register_like_first(node_id, Now::read())
    }

    /// A new token that one node can enrol with (`POST /api/v0/nodes/register`) within ten minutes.
    #[must_use = "a token is shown only once"]
    pub fn provisioning_token(&self) -> String {
        self.command_center.provisioning_token(Now::read())
    }

    /// The number of answered calls of `POST /api/v0/admin/nodes/heartbeat`, including refusals.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.command_center.heartbeats()
    }

    /// The number of answered calls of `POST /internal/validate-node`, including refusals.
    #[must_use]
    pub fn validations(&self) -> u64 {
        self.service.validations()
    }
}

/// Whether a path never has faults.
fn is_spared(path: &str) -> bool {
    http::is_for_administrators(path) || path == command_center::PROVISIONING_TOKENS
}
