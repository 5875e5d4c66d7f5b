//! What a stub is started with.

use core::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::auth::load::Model;
use crate::auth::settings::Settings;
use crate::server::faults::Faults;

/// How to start a stub.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A folder that keeps the certificate authority, the app key and the node's credential from one
    /// start to the next, and where a ready `config.json` for jarvis-node is written.
    pub dir: Option<PathBuf>,
    /// Whether to speak TLS. The real service speaks plain HTTP behind a proxy that does.
    pub tls: bool,
    /// Further names (DNS names or IP addresses) the certificate is good for. `localhost`,
    /// 127.0.0.1, ::1 and the address listened on always are.
    pub names: Vec<String>,
    /// What is wrong with the server from the start.
    pub faults: Faults,
    /// How much it does at once, and how long that takes, from the start.
    pub model: Model,
    /// Where else to listen, in plain HTTP, for changes of the faults (`/__stub/faults`) and of the model
    /// (`/__stub/model`) and for the log (`/__stub/log`), since the server itself cannot be asked where it
    /// refuses connections, say. Answers only this machine.
    pub control: Option<SocketAddr>,
    /// Where redirects to another host point: a URL without a path.
    pub redirect_to: String,
    /// The service's own settings.
    pub settings: Settings,
}

impl Default for Options {
    /// TLS on a free port of 127.0.0.1, no folder, no fault, and all at once.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: None,
            tls: true,
            names: Vec::new(),
            faults: Faults::NONE,
            model: Model::INSTANT,
            control: None,
            redirect_to: "https://elsewhere.invalid".to_owned(),
            settings: Settings::default(),
        }
    }
}
