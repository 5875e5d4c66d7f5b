//! The announcement of the config service by multicast DNS, as jarvisd makes it (docs/wire/jarvis-home.md,
//! "Discovery"): service type, instance name and port, and a TXT record without strings.

use core::net::SocketAddr;
use core::time::Duration;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

const SERVICE_TYPE: &str = "_jarvis-config._tcp.local.";
/// How long the end of an announcement may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running announcement. It has a thread of its own. Says goodbye when dropped.
pub(crate) struct Announcement {
    daemon: ServiceDaemon,
    full_name: String,
}

impl Announcement {
    /// Announces a config service that listens on `listen` as `Jarvis (host)`. It goes to the network of that
    /// address; for a service on all addresses to all networks, but not to the machine itself. Names that are
    /// taken on the network get a number.
    ///
    /// # Errors
    /// The machine has no means for it, or no announcement can have this name.
    pub(crate) fn start(listen: SocketAddr, host: &str) -> Result<Self, mdns_sd::Error> {
        let instance = format!("Jarvis ({host})");
        let target = format!("{host}.local.");
        let everywhere = listen.ip().is_unspecified();
        let addresses = if everywhere { String::new() } else { listen.ip().to_string() };
        let no_strings: &[(&str, &str)] = &[];
        let info =
            ServiceInfo::new(SERVICE_TYPE, &instance, &target, &*addresses, listen.port(), no_strings)?;
        let info = if everywhere { info.enable_addr_auto() } else { info };
        let full_name = info.get_fullname().to_owned();
        let daemon = ServiceDaemon::new()?;
        // From here on the thread ends with this value, whatever fails.
        let announcement = Self { daemon, full_name };
        let daemon = &announcement.daemon;
        daemon.disable_interface(IfKind::All)?;
        if everywhere {
            daemon.enable_interface(if listen.is_ipv4() { IfKind::IPv4 } else { IfKind::All })?;
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        } else {
            daemon.enable_interface(IfKind::Addr(listen.ip()))?;
        }
        daemon.register(info)?;
        Ok(announcement)
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // If the thread has ended, there is nobody to say goodbye. The process may end right after this, so the
        // packets are waited for.
        if let Ok(gone) = self.daemon.unregister(&self.full_name) {
            let _ = gone.recv_timeout(PATIENCE);
        }
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}

/// The machine's name without a domain.
pub(crate) fn this_host() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
