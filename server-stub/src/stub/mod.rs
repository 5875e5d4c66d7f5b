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
use crate::command_center;
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

/// The node every stub starts with.
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
    app_key: String,
    credential: Credential,
}

impl Stub {
    /// Starts a server on a thread of its own and returns when it listens. Needs no async runtime and
    /// minds none.
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
        let server = bound.serve(Http::new(command_center::routes(), Arc::clone(&service)).into_router());
        let stub = Self { server, service, app_key, credential };
        if let Some(dir) = dir {
            stub.write_dir(&dir)?;
        }
        Ok(stub)
    }

    /// Where a node finds the server, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The address it listens on, or did before [`Stub::go_down`].
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The certificate authority to trust, in PEM. None: plain HTTP.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.server.ca_pem()
    }

    /// Who vouches for it, for the other services of the same household. None: plain HTTP.
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

    /// Gives the server a new certificate over the key it has, as a renewal does. Connections that are
    /// open keep the old one. Does nothing without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: none could be made.
    pub fn renew_certificate(&self) -> Result<(), StartError> {
        self.server.renew_certificate()
    }

    /// Gives the server a new key and a certificate over it; [`Stub::spki_pin`] changes. A folder keeps
    /// the old key until [`Stub::write_dir`]. Does nothing without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: none could be made.
    pub fn replace_key(&self) -> Result<(), StartError> {
        self.server.replace_key()
    }

    /// The id of the app that may call.
    #[must_use]
    pub fn app_id(&self) -> &'static str {
        APP_ID
    }

    /// The key of [`Stub::app_id`], as it was at the start.
    #[must_use]
    pub fn app_key(&self) -> &str {
        &self.app_key
    }

    /// What opens `/admin/*`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.server.admin_token()
    }

    /// Id and key of the first node, as they were at the start.
    #[must_use]
    pub fn node(&self) -> (&str, &str) {
        (&self.credential.node_id, &self.credential.node_key)
    }

    /// Writes what a node needs into `dir`: `config.json`, `credential.json`, `app.key`, `ca.pem`; and
    /// what the next start needs: `ca.key`, `server.key`, `admin.token`. Secrets can be read by their owner only.
    /// Gives the path of `config.json`.
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

    /// The server is gone: listener and open connections are closed, connecting is refused. Returns
    /// when that is so. What the server knows is kept; what it was working off is not.
    pub fn go_down(&self) {
        self.server.go_down();
        self.service.load.restart();
    }

    /// The server is back, on the same address. Does nothing when it was not down.
    ///
    /// # Errors
    /// Somebody else has taken the address meanwhile; it can be tried again.
    pub fn come_back(&self) -> io::Result<()> {
        self.server.come_back()
    }

    /// The server has these faults from now on, and no others; what they are and when they hold stands
    /// in [`Faults`]. Returns when the door is so.
    ///
    /// # Errors
    /// The server cannot have them, and has those it had.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultError> {
        self.server.set_faults(faults)
    }

    /// The server has these faults for the next `count` connections, if one of them is met before a
    /// request is read, else for the next `count` requests; and then none.
    ///
    /// # Errors
    /// As [`Stub::set_faults`]; and a fault of the door, where nobody is counted.
    pub fn fault_next(&self, count: u32, faults: Faults) -> Result<(), FaultError> {
        self.server.fault_next(count, faults)
    }

    /// The faults that the server has now.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.server.faults()
    }

    /// Who calls from now on meets this model.
    pub fn set_model(&self, model: Model) {
        self.service.load.set(model);
    }

    /// How much the server does at once now, and how long that takes.
    #[must_use]
    pub fn model(&self) -> Model {
        self.service.load.model()
    }

    /// What the server was asked lately and what became of it, as `GET /__stub/log?since=…` shows it: see
    /// [`Server::log`].
    #[must_use]
    pub fn log(&self, since: u64) -> serde_json::Value {
        self.server.log(since)
    }

    /// Where faults are switched by HTTP whatever becomes of [`Stub::url`]; see [`Options::control`].
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.server.control_url()
    }

    /// Replaces a node's key, as an administrator would, and gives the new one. The old one fails from
    /// now on. None: no such node.
    #[must_use = "the new key is shown only once"]
    pub fn rotate_key(&self, node_id: &str) -> Option<String> {
        self.service.world().rotate_node_key(node_id, Now::read())
    }

    /// Deactivates a node; nothing reactivates one. False: no such node.
    pub fn deactivate(&self, node_id: &str) -> bool {
        self.service.world().deactivate_node(node_id, Now::read())
    }

    /// Registers another node in the household of the first, as an administrator would, and grants it the
    /// same; gives its key. None: there is one of that name.
    #[must_use = "the key is shown only once"]
    pub fn register(&self, node_id: &str) -> Option<String> {
        self.service.world().register_like_first(node_id, Now::read())
    }

    /// A new token that one node can enrol with (`POST /api/v0/nodes/register`) within ten minutes.
    #[must_use = "a token is shown only once"]
    pub fn provisioning_token(&self) -> String {
        self.service.world().provisioning_token(Now::read())
    }

    /// How many calls of `POST /api/v0/admin/nodes/heartbeat` were answered, refusals among them.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.service.heartbeats()
    }

    /// How many calls of `POST /internal/validate-node` were answered, refusals among them.
    #[must_use]
    pub fn validations(&self) -> u64 {
        self.service.validations()
    }
}

/// Whether a path is answered rightly whatever is wrong.
fn is_spared(path: &str) -> bool {
    http::is_for_administrators(path) || path == command_center::PROVISIONING_TOKENS
}
