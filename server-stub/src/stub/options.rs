//! The options of a stub.

use core::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::auth::load::Model;
use crate::auth::settings::Settings;
use crate::home::Home;
use crate::server::faults::Faults;

/// How to start a stub.
#[derive(Clone)]
pub struct Options {
    /// The program that the household runs.
    pub home: Home,
    /// Where the auth service listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the command center listens; port 0 takes a free one.
    pub command_center: SocketAddr,
    /// A folder that keeps the certificate authority, the app key and the node's credential between starts. A
    /// ready `config.json` for jarvis-node is written there, too.
    pub dir: Option<PathBuf>,
    /// Whether to speak TLS. The real service speaks plain HTTP behind a proxy that does.
    pub tls: bool,
    /// Further names (DNS names or IP addresses) in the certificate. It always contains `localhost`,
    /// 127.0.0.1, ::1 and the listening address.
    pub names: Vec<String>,
    /// The faults of the auth service from the start.
    pub faults: Faults,
    /// How slow it is from the start.
    pub model: Model,
    /// A further address of the auth service, in plain HTTP, for changes of the faults (`/__stub/faults`) and of the model
    /// (`/__stub/model`) and for the log (`/__stub/log`). It works also while the server refuses connections.
    /// It answers requests from this machine only.
    pub control: Option<SocketAddr>,
    /// The same for the command center, also for its updates (`/__stub/updates`).
    pub command_center_control: Option<SocketAddr>,
    /// The faults of the command center from the start.
    pub command_center_faults: Faults,
    /// The target of redirects to another host: a URL without a path.
    pub redirect_to: String,
    /// The service's own settings.
    pub settings: Settings,
}

impl Default for Options {
    /// The Python home over TLS on free ports of 127.0.0.1, without a folder, faults or delays.
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            home: Home::Python,
            listen: free,
            command_center: free,
            dir: None,
            tls: true,
            names: Vec::new(),
            faults: Faults::NONE,
            model: Model::INSTANT,
            control: None,
            command_center_control: None,
            command_center_faults: Faults::NONE,
            redirect_to: "https://elsewhere.invalid".to_owned(),
            settings: Settings::default(),
        }
    }
}
