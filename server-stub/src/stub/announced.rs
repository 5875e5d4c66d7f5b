//! The announcement of the config service, as long as the household runs.

use core::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config_service::announcement::{Announcement, this_host};
use crate::server::error::StartError;

/// The announcement: whether there is one, and of what.
pub(super) struct Announced {
    /// None: nothing is announced.
    of: Option<(SocketAddr, String)>,
    /// None while the household is down.
    running: Mutex<Option<Announcement>>,
}

impl Announced {
    /// Announces the service at `listen` as `host`; empty: as this machine; None: not at all.
    pub(super) fn start(listen: SocketAddr, host: Option<String>) -> Result<Self, StartError> {
        let host = host.map(|host| if host.is_empty() { this_host() } else { host });
        let announced = Self { of: host.map(|host| (listen, host)), running: Mutex::default() };
        announced.resume()?;
        Ok(announced)
    }

    /// The host by whose name it is announced.
    pub(super) fn host(&self) -> Option<&str> {
        self.of.as_ref().map(|(_, host)| host.as_str())
    }

    /// Announces it again after [`Announced::end`].
    pub(super) fn resume(&self) -> Result<(), StartError> {
        let Some((listen, host)) = &self.of else { return Ok(()) };
        let mut running = self.running();
        if running.is_none() {
            *running = Some(Announcement::start(*listen, host).map_err(StartError::Announcement)?);
        }
        Ok(())
    }

    /// Says goodbye.
    pub(super) fn end(&self) {
        drop(self.running().take());
    }

    fn running(&self) -> MutexGuard<'_, Option<Announcement>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
