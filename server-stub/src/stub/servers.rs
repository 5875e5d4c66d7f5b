//! The servers of a household's services, each alone.

use super::Stub;
use crate::server::Server;

impl Stub {
    /// The auth service's server, to take it down or give it faults alone.
    #[must_use]
    pub fn auth(&self) -> &Server {
        &self.auth
    }

    /// The command center's server, to take it down or give it faults alone.
    #[must_use]
    pub fn command_center(&self) -> &Server {
        &self.command_center
    }

    /// The config service's server, to take it down or give it faults alone.
    #[must_use]
    pub fn config(&self) -> &Server {
        &self.config
    }

    /// The host by whose name the config service is announced while the household runs: [`Options::announce`],
    /// or this machine's.
    ///
    /// [`Options::announce`]: crate::Options::announce
    #[must_use]
    pub fn announced_as(&self) -> Option<&str> {
        self.announced.host()
    }

    /// The server of the logs, to take it down or give it faults alone.
    #[must_use]
    pub fn logs(&self) -> &Server {
        &self.log_intake
    }

    /// The command center's URL, without a slash at the end.
    #[must_use]
    pub fn command_center_url(&self) -> &str {
        self.command_center.url()
    }

    /// All of them, in the order in which they stop.
    pub(super) fn servers(&self) -> [&Server; 4] {
        [&self.config, &self.log_intake, &self.command_center, &self.auth]
    }
}
