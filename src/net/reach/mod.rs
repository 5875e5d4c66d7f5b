//! Connects to a service by name, and remembers its last good address.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use node_core::trouble::{Trouble, TroubleKind};

use super::dial::dial;
use super::peer::Peer;
use super::resolver::{NameError, NameResolver};
use super::service_url::ServiceUrl;
use crate::system::failure;

/// The longest time for name resolution.
const LOOK_UP: Duration = Duration::from_secs(10);
/// The longest time for name resolution if there is an address to fall back to.
const LOOK_UP_WITH_FALLBACK: Duration = Duration::from_secs(5);

/// How many addresses of a name a fix shows.
const MOST_SHOWN: usize = 2;

/// The location of one service.
#[derive(Debug)]
pub(super) struct Reach {
    peer: Peer,
    /// Whether the service authenticates itself.
    proven: bool,
    connect_timeout: Duration,
    names: NameResolver,
    last_good: Mutex<Option<SocketAddr>>,
}

/// A non-blocking connection.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) stream: TcpStream,
    /// Why the name could not be resolved, if the address is a remembered one.
    pub(super) name_trouble: Option<Trouble>,
}

impl Reach {
    pub(super) fn new(peer: Peer, url: &ServiceUrl, connect_timeout: Duration) -> Self {
        Self {
            peer,
            proven: url.is_https(),
            connect_timeout,
            names: NameResolver::default(),
            last_good: Mutex::new(None),
        }
    }

    /// Connects before `end`. If the name cannot be resolved, it uses the last good address: after a power
    /// cut the auth service is often up before the router knows its name again.
    ///
    /// # Errors
    /// A trouble of kind [`TroubleKind::NameUnknown`], [`TroubleKind::Unreachable`] or, if the server hung up
    /// at once, [`TroubleKind::ClosedEarly`].
    pub(super) fn connect(&self, end: Instant) -> Result<Reached, Trouble> {
        let (addresses, name_trouble) = self.addresses(end)?;
        match dial(&addresses, end.min(Instant::now() + self.connect_timeout)) {
            Ok(stream) => Ok(Reached { stream, name_trouble }),
            Err(e) => Err(name_trouble.unwrap_or_else(|| self.unreachable(&e, &addresses))),
        }
    }

    fn addresses(&self, end: Instant) -> Result<(Vec<SocketAddr>, Option<Trouble>), Trouble> {
        let last_good = *self.last_good.lock().unwrap_or_else(PoisonError::into_inner);
        let left = end.saturating_duration_since(Instant::now());
        let patience =
            if last_good.is_some() { LOOK_UP_WITH_FALLBACK.min(left / 2) } else { LOOK_UP.min(left) };
        match self.names.look_up(&self.peer.host, self.peer.port, patience) {
            Ok(addresses) => Ok((addresses, None)),
            Err(why) => {
                let trouble = self.nameless(&why);
                last_good.map(|address| (Vec::from([address]), Some(trouble.clone()))).ok_or(trouble)
            }
        }
    }

    /// Remembers the service's address. Only over TLS, where the service authenticates itself each time: in
    /// plain HTTP the keys would go to any machine that has the address by then.
    pub(super) fn remember(&self, address: SocketAddr) {
        if self.proven {
            *self.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        }
    }

    fn unreachable(&self, why: &io::Error, addresses: &[SocketAddr]) -> Trouble {
        let peer = &self.peer;
        if let Some(fix) = failure::fix_shortage(why) {
            let reason = format_args!("no connection to {peer}: {why}");
            return Trouble::with_fix(TroubleKind::Unreachable, reason, format_args!("{fix}"));
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match why.kind() {
            ErrorKind::TimedOut => self.not_at(addresses, format_args!("{peer} does not answer")),
            // The connection was reset before it was first used.
            ErrorKind::ConnectionReset => peer.trouble(
                TroubleKind::ClosedEarly,
                format_args!("{peer} closed the connection before its answer was complete"),
            ),
            kind @ (ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied) => {
                self.not_at(addresses, format_args!("no connection to {peer}: {kind}"))
            }
            // Most others have no kind, and so no words but the system's own.
            _ => self.not_at(addresses, format_args!("no connection to {peer}: {why}")),
        }
    }

    /// The service is at none of `addresses`. If they are those of a name, they may be old.
    fn not_at(&self, addresses: &[SocketAddr], reason: fmt::Arguments<'_>) -> Trouble {
        let Peer { service, host, .. } = &self.peer;
        let first = addresses.iter().take(MOST_SHOWN).map(|address| address.ip().to_string());
        let shown = first.collect::<Vec<_>>().join(" or ");
        if host.parse::<IpAddr>().is_ok() || shown.is_empty() {
            return self.peer.trouble(TroubleKind::Unreachable, reason);
        }
        Trouble::with_fix(
            TroubleKind::Unreachable,
            reason,
            format_args!(
                "Check that the board is on the network, that {name} runs and has the address {shown}, as {source} says, and \
                 host and port in {address}.",
                name = service.name,
                source = self.names.source(host),
                address = service.address
            ),
        )
    }

    fn nameless(&self, why: &NameError) -> Trouble {
        let peer = &self.peer;
        let Peer { service, host, .. } = peer;
        if let Some((path, fault)) = self.names.unusable_file() {
            let path = path.display();
            return Trouble::with_fix(
                TroubleKind::NameUnknown,
                format_args!("no address can be found for {peer}: {why}; {path} was left out ({fault})"),
                format_args!("Mend {path}: what it says about {host} is not used."),
            );
        }
        let reason = format_args!("no address can be found for {peer}: {why}");
        if let NameError::Blocked(_) = why {
            return Trouble::with_fix(
                TroubleKind::NameUnknown,
                reason,
                format_args!(
                    "Take {host} off the block list of the name server, or give it its right address there or in \
                     /etc/hosts."
                ),
            );
        }
        let answered = matches!(why, NameError::Unknown | NameError::Refused { .. });
        if answered && !host.trim_end_matches('.').contains('.') {
            return Trouble::with_fix(
                TroubleKind::NameUnknown,
                reason,
                format_args!(
                    "Write the host in {address} with its domain, as in {host}.home: name servers seldom know a name \
                     without one. Or put it into /etc/hosts.",
                    address = service.address
                ),
            );
        }
        self.peer.trouble(TroubleKind::NameUnknown, reason)
    }
}

#[cfg(test)]
mod tests;
