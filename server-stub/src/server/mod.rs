//! An address with a service behind it: the parts that all services share. Nothing here depends on a service.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::pin::Pin;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use serde_json::Value;

use crate::secrets;
use connection::Site;
use control::{Adjustable, Admin, Control};
use dispatch::{Dispatch, Faulty, Paths};
use error::StartError;
use faults::switch::{Abilities, Switch};
use faults::{FaultError, Faults};
use inside::Inside;
use journal::Journal;
use listening::Listening;
use pki::{CertificateAuthority, Identity, ServerKey, SubjectName};

pub(crate) mod answer;
pub(crate) mod common;
mod connection;
pub(crate) mod control;
pub(crate) mod directory;
mod dispatch;
pub(crate) mod ends;
pub(crate) mod error;
pub(crate) mod faults;
pub(crate) mod form;
pub(crate) mod inside;
pub(crate) mod journal;
mod listening;
pub(crate) mod pki;

/// How to start a server.
#[derive(Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The authority that signs its certificate. None: plain HTTP.
    pub authority: Option<CertificateAuthority>,
    /// Further names (DNS names or IP addresses) in the certificate. It always contains `localhost`,
    /// 127.0.0.1, ::1 and the listening address.
    pub names: Vec<String>,
    /// The faults from the start.
    pub faults: Faults,
    /// A further address, in plain HTTP, for changes of the faults (`/__stub/faults`) and for the log
    /// (`/__stub/log`).
    pub control: Option<SocketAddr>,
    /// The target of redirects to another host: a URL without a path.
    pub redirect_to: String,
    /// The administrator's token, required at `/__stub/*`. None: a random one.
    pub admin_token: Option<String>,
}

impl Default for ServerOptions {
    /// Plain HTTP on a free port of 127.0.0.1, no fault.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            authority: None,
            names: Vec::new(),
            faults: Faults::NONE,
            control: None,
            redirect_to: "https://elsewhere.invalid".to_owned(),
            admin_token: None,
        }
    }
}

/// How a listener treats connections.
#[derive(Clone, Copy)]
pub(crate) struct Manners {
    /// How long a connection may be idle after an answer. None: for ever.
    pub(crate) idle: Option<Duration>,
    /// How long a whole head may take. None: for ever.
    pub(crate) head: Option<Duration>,
    /// Whether header names are written as `Content-Type`, not as `content-type`.
    pub(crate) capitals: bool,
    /// Whether answers have a `Date`.
    pub(crate) dates: bool,
}

impl Manners {
    /// uvicorn's, as measured (docs/wire/jarvis-auth.md, "Every response").
    pub(crate) const PYTHON: Self =
        Self { idle: Some(Duration::from_secs(5)), head: None, capitals: false, dates: true };
    /// Those of Go's `net/http` with jarvisd's settings (docs/wire/jarvis-home.md, "Ports and framing").
    pub(crate) const GO: Self =
        Self { idle: None, head: Some(Duration::from_secs(10)), capitals: true, dates: true };
    /// Keycloak's (docs/wire/keycloak.md).
    pub(crate) const KEYCLOAK: Self = Self { idle: None, head: None, capitals: true, dates: false };
}

/// Gives an answer the form of a home.
pub(crate) type Form = fn(Response) -> Pin<Box<dyn Future<Output = Response> + Send>>;

/// The properties of a service that its server needs.
pub(crate) struct About {
    /// Paths that never have faults, besides the stub's own.
    pub(crate) spares: fn(&str) -> bool,
    /// Paths that issue tokens. None: the service issues none.
    pub(crate) issues: Option<fn(&str) -> bool>,
    /// The key of its certificate. None: a new one.
    pub(crate) key: Option<ServerKey>,
    /// Its model of speed. None: it has no model.
    pub(crate) model: Option<Arc<dyn Adjustable>>,
    pub(crate) manners: Manners,
    /// The form that the service's home gives to answers. None: it is of no home.
    pub(crate) form: Option<Form>,
    /// Control paths of its own, below `/__stub/`. They check the administrator themselves.
    pub(crate) control: Router,
    /// The service's OpenAPI document.
    pub(crate) document: Option<Value>,
}

impl Default for About {
    /// A service without special properties.
    fn default() -> Self {
        Self {
            spares: |_| false,
            issues: None,
            key: None,
            model: None,
            manners: Manners::PYTHON,
            form: None,
            control: Router::new(),
            document: None,
        }
    }
}

/// A running server with any service behind it. Stops when dropped.
///
/// ```
/// use axum::{Router, routing::get};
/// use server_stub::{Server, ServerOptions};
/// let service = Router::new().route("/v1/health", get(|| async { "ok" }));
/// let server = Server::start(ServerOptions::default(), service)?;
/// server.set_faults("status-503".parse()?)?; // and so does every request from now on
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Server {
    listening: Listening,
    switch: Arc<Switch>,
    identity: Option<Arc<Identity>>,
    admin: Admin,
    url: String,
    journal: Arc<Journal>,
    inside: Inside,
}

/// A server that has its address and does not serve yet, so that the service can be told the address.
/// Connections wait.
pub(crate) struct Bound {
    // Dropped before the server, whose thread waits for a site as long as one can come.
    serve: tokio::sync::oneshot::Sender<Site>,
    server: Server,
    paths: Paths,
    model: Option<Arc<dyn Adjustable>>,
    manners: Manners,
    form: Option<Form>,
    control: Router,
    document: Option<Value>,
    redirect_to: String,
}

impl Bound {
    pub(crate) fn new(options: ServerOptions, mut about: About) -> Result<Self, StartError> {
        let ServerOptions { listen, authority, names, faults, control, redirect_to, admin_token } = options;
        let identity = match authority {
            Some(authority) => {
                let key = about.key.take().map_or_else(|| authority.server_key(), Ok)?;
                let names = SubjectName::of_server(listen.ip(), &names)?;
                Some(Arc::new(Identity::new(authority, key, names)?))
            }
            None => None,
        };
        let can = Abilities {
            speak_tls: identity.is_some(),
            issue_tokens: about.issues.is_some(),
            serve_a_home: about.form.is_some(),
        };
        let (orders, incoming) = listening::orders();
        let switch = Arc::new(Switch::new(faults, listening::settle(&orders), can));
        switch.check(faults).map_err(StartError::Fault)?;
        let (listening, serve) = Listening::start(listen, control, faults.listener, orders, incoming)
            .map_err(|(addr, error)| StartError::Listen(addr, error))?;
        let url = url(identity.is_some(), listening.addr(), &names);
        let admin = Admin(admin_token.unwrap_or_else(secrets::new_key).into());
        let inside = Inside::of(&switch);
        let server = Server { listening, switch, identity, admin, url, journal: Arc::default(), inside };
        let paths = Paths { spares: about.spares, issues: about.issues.unwrap_or(|_| false) };
        let About { model, manners, form, control, document, .. } = about;
        Ok(Self { server, serve, paths, model, manners, form, control, document, redirect_to })
    }

    pub(crate) fn admin(&self) -> &Admin {
        &self.server.admin
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    pub(crate) fn ca_pem(&self) -> Option<&str> {
        self.server.ca_pem()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The way to the service for others of this process.
    pub(crate) fn inside(&self) -> Inside {
        self.server.inside.clone()
    }

    /// Starts serving.
    pub(crate) fn serve(self, service: Router) -> Server {
        let Self { server, serve, paths, model, manners, form, control: own, document, redirect_to } = self;
        let switch = Arc::clone(&server.switch);
        let journal = Arc::clone(&server.journal);
        let control = Arc::new(Control { switch, model, journal, admin: server.admin.clone(), document });
        let control = control::routes(control, own);
        let faulty = Faulty {
            switch: Arc::clone(&server.switch),
            journal: Arc::clone(&server.journal),
            control: control.clone(),
            paths,
            form,
            elsewhere: redirect_to.trim_end_matches('/').into(),
        };
        let dispatch = Dispatch::new(service, faulty);
        server.inside.opens(dispatch.clone());
        let site = Site {
            tls: server.identity.clone(),
            manners,
            dispatch,
            switch: Arc::clone(&server.switch),
            journal: Arc::clone(&server.journal),
            control: Dispatch::faithful(control),
        };
        // An error means that the thread has ended. Clients then cannot connect.
        let _ = serve.send(site);
        server
    }
}

impl Server {
    /// Starts a server on a thread of its own and returns when it listens. It works with and without an async
    /// runtime. The paths below `/__stub/` are the server's own.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: ServerOptions, service: Router) -> Result<Self, StartError> {
        Ok(Bound::new(options, About::default())?.serve(service))
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on, or listened on before [`Server::go_down`].
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listening.addr()
    }

    /// The certificate authority to trust, in PEM. None: plain HTTP.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.authority().pem())
    }

    /// The authority that signs its certificate, for further servers. None: plain HTTP.
    #[must_use]
    pub fn authority(&self) -> Option<CertificateAuthority> {
        self.identity.as_ref().map(|identity| identity.authority().clone())
    }

    /// The pin of the server's key as curl's `--pinnedpubkey` takes it: `sha256//` and the Base64 of the
    /// SHA-256 over its SubjectPublicKeyInfo. None: plain HTTP.
    #[must_use]
    pub fn spki_pin(&self) -> Option<String> {
        self.identity.as_ref().map(|identity| identity.pin())
    }

    /// Renews the certificate for the same key. Open connections keep the old certificate. Does nothing
    /// without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: no certificate could be made.
    pub fn renew_certificate(&self) -> Result<(), StartError> {
        self.identity.as_ref().map_or(Ok(()), |identity| identity.renew()).map_err(StartError::from)
    }

    /// Replaces the key and its certificate; [`Server::spki_pin`] changes. Does nothing without TLS.
    ///
    /// # Errors
    /// [`StartError::Certificate`]: no certificate could be made.
    pub fn replace_key(&self) -> Result<(), StartError> {
        self.identity.as_ref().map_or(Ok(()), |identity| identity.replace_key()).map_err(StartError::from)
    }

    /// The administrator's token, required at `/__stub/*`.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.admin.0
    }

    /// Closes the listening socket and all connections, and returns when that is done. Connecting is then
    /// refused. The service keeps its state.
    pub fn go_down(&self) {
        self.inside.set_down(true);
        self.listening.go_down();
    }

    /// Listens again on the same address. Does nothing if the server is not down.
    ///
    /// # Errors
    /// Another process has taken the address meanwhile; the call can be repeated.
    pub fn come_back(&self) -> io::Result<()> {
        self.listening.come_back()?;
        self.inside.set_down(false);
        Ok(())
    }

    /// Replaces the server's faults; see [`Faults`]. Returns when the listening socket is in line with them.
    ///
    /// # Errors
    /// The server cannot have them, and keeps its previous faults.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultError> {
        self.switch.set(faults, None)
    }

    /// Sets faults for the next `count` connections if one of them is met before a request is read, else for
    /// the next `count` requests. After that the server has no faults.
    ///
    /// # Errors
    /// As [`Server::set_faults`]; and a fault of the listening socket, since refused connections are not
    /// counted.
    pub fn fault_next(&self, count: u32, faults: Faults) -> Result<(), FaultError> {
        self.switch.set(faults, Some(count))
    }

    /// The faults in effect.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.switch.now()
    }

    /// The URL for changes of the faults that works whatever the faults are; see [`ServerOptions::control`].
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.listening.control().map(|addr| format!("http://{addr}/__stub/faults"))
    }

    /// The log of the last 500 finished requests and of those under way, without secrets: the body of `GET
    /// /__stub/log?since=…`. Of the finished requests it contains those after the one with the id `since` (0:
    /// all).
    #[must_use]
    pub fn log(&self, since: u64) -> serde_json::Value {
        self.journal.log(since)
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }
}

/// For a server on every address, the URL contains its first name.
fn url(tls: bool, addr: SocketAddr, names: &[String]) -> String {
    let scheme = if tls { "https" } else { "http" };
    let host = match (addr.ip(), names.first()) {
        (ip, Some(name)) if ip.is_unspecified() => match name.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]"),
            Err(_) => name.clone(),
        },
        (ip, None) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        (IpAddr::V4(ip), _) => ip.to_string(),
        (IpAddr::V6(ip), _) => format!("[{ip}]"),
    };
    format!("{scheme}://{host}:{}", addr.port())
}
