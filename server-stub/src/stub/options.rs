//! The options of a stub.

use core::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::auth::load::Model;
use crate::auth::settings::Settings;
use crate::config_service::PublicUrl;
use crate::home::Home;
use crate::server::faults::Faults;
use crate::server::pki::KeyType;

/// Where a service listens, and its faults.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The faults from the start.
    pub faults: Faults,
    /// A further address, in plain HTTP, for changes of the faults and for the log; see [`Options::control`].
    pub control: Option<SocketAddr>,
}

impl Default for Place {
    /// A free port of 127.0.0.1, without faults.
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), faults: Faults::NONE, control: None }
    }
}

/// How to start a stub.
#[derive(Clone)]
pub struct Options {
    /// The program that the household runs.
    pub home: Home,
    /// Where the auth service listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The command center. Its control also takes updates (`/__stub/updates`).
    pub command_center: Place,
    /// The config service.
    pub config: Place,
    /// The logs.
    pub logs: Place,
    /// The host by whose name the config service is announced by multicast DNS (`_jarvis-config._tcp.local.`,
    /// instance `Jarvis (host)`) on the network of [`Options::config`]. Empty: this machine's name. None: it is
    /// not announced. A real Python home never is.
    pub announce: Option<String>,
    /// Addresses of services outside, of which the config service tells. One a service; the last counts.
    pub public_urls: Vec<PublicUrl>,
    /// A folder that keeps the certificate authority, the app key and the node's credential between starts. A
    /// ready `config.json` for jarvis-node is written there, too.
    pub dir: Option<PathBuf>,
    /// Whether to speak TLS. The real service speaks plain HTTP behind a proxy that does.
    pub tls: bool,
    /// The kind of the certificate authority's key and of the servers'. None: that of the folder, or P-256.
    pub key_type: Option<KeyType>,
    /// Further names (DNS names or IP addresses) in the certificate. It always contains `localhost`,
    /// 127.0.0.1, ::1 and the listening address.
    pub names: Vec<String>,
    /// The faults of the auth service from the start.
    pub faults: Faults,
    /// How slow it is from the start.
    pub model: Model,
    /// A further address of the auth service, in plain HTTP, for changes of the faults (`/__stub/faults`) and
    /// of the model (`/__stub/model`) and for the log (`/__stub/log`). It works also while the server refuses connections.
    /// It answers requests from this machine only.
    pub control: Option<SocketAddr>,
    /// The target of redirects to another host: a URL without a path.
    pub redirect_to: String,
    /// The service's own settings.
    pub settings: Settings,
}

impl Default for Options {
    /// The Python home over TLS on free ports of 127.0.0.1, without a folder, faults or delays.
    fn default() -> Self {
        Self {
            home: Home::Python,
            listen: Place::default().listen,
            command_center: Place::default(),
            config: Place::default(),
            logs: Place::default(),
            announce: None,
            public_urls: Vec::new(),
            dir: None,
            tls: true,
            key_type: None,
            names: Vec::new(),
            faults: Faults::NONE,
            model: Model::INSTANT,
            control: None,
            redirect_to: "https://elsewhere.invalid".to_owned(),
            settings: Settings::default(),
        }
    }
}
