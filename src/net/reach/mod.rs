//! From the service's name to an open connection, and which address was the right one.

use std::io;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use node_core::trouble::{Trouble, TroubleKind};

use super::dial::dial;
use super::resolver::Names;
use super::service_url::ServiceUrl;

/// The longest a look-up takes, however slow the name servers are.
const LOOK_UP: Duration = Duration::from_secs(10);
/// The same when there is an address to fall back to.
const LOOK_UP_WITH_FALLBACK: Duration = Duration::from_secs(5);

/// Finds one service and connects to it.
#[derive(Debug)]
pub(crate) struct Reach {
    host: String,
    port: u16,
    /// Whether the service proves who it is.
    proven: bool,
    connect_timeout: Duration,
    names: Names,
    last_good: Mutex<Option<SocketAddr>>,
}

/// A connection, non-blocking.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) stream: TcpStream,
    /// What was wrong with the name, when the address is one remembered.
    pub(crate) name_trouble: Option<Trouble>,
}

impl Reach {
    pub(crate) fn new(url: &ServiceUrl, connect_timeout: Duration) -> Self {
        Self {
            host: url.host().into(),
            port: url.port(),
            proven: url.is_https(),
            connect_timeout,
            names: Names::default(),
            last_good: Mutex::new(None),
        }
    }

    /// Connects before `end`. When the name cannot be found, to the address that was last good:
    /// after a power cut the auth service is often up before the router knows its name again.
    ///
    /// # Errors
    /// What stood in the way, of [`TroubleKind::NameUnknown`], [`TroubleKind::Unreachable`] or, where
    /// the server was quick to hang up, [`TroubleKind::ClosedEarly`].
    pub(crate) fn connect(&self, end: Instant) -> Result<Reached, Trouble> {
        let (addresses, name_trouble) = self.addresses(end)?;
        match dial(&addresses, end.min(Instant::now() + self.connect_timeout)) {
            Ok(stream) => Ok(Reached { stream, name_trouble }),
            Err(e) => Err(name_trouble.unwrap_or_else(|| self.unreachable(&e))),
        }
    }

    fn addresses(&self, end: Instant) -> Result<(Vec<SocketAddr>, Option<Trouble>), Trouble> {
        let last_good = *self.last_good.lock().unwrap_or_else(PoisonError::into_inner);
        let left = end.saturating_duration_since(Instant::now());
        let patience =
            if last_good.is_some() { LOOK_UP_WITH_FALLBACK.min(left / 2) } else { LOOK_UP.min(left) };
        match self.names.look_up(&self.host, self.port, patience) {
            Ok(addresses) => Ok((addresses, None)),
            Err(why) => {
                let Self { host, port, .. } = self;
                let trouble = Trouble::new(
                    TroubleKind::NameUnknown,
                    format_args!("no address can be found for {host}:{port}: {why}"),
                );
                last_good.map(|address| (Vec::from([address]), Some(trouble.clone()))).ok_or(trouble)
            }
        }
    }

    /// Remembers where the service was found. Only over TLS, where it has proven who it is and has
    /// to again: in plain HTTP the keys would go to whatever machine has that address by then.
    pub(crate) fn remember(&self, address: SocketAddr) {
        if self.proven {
            *self.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        }
    }

    fn unreachable(&self, why: &io::Error) -> Trouble {
        let Self { host, port, .. } = self;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match why.kind() {
            ErrorKind::TimedOut => {
                Trouble::new(TroubleKind::Unreachable, format_args!("{host}:{port} does not answer"))
            }
            // It was made, and reset before we looked.
            ErrorKind::ConnectionReset => Trouble::new(
                TroubleKind::ClosedEarly,
                format_args!("{host}:{port} closed the connection before its answer was complete"),
            ),
            kind => {
                Trouble::new(TroubleKind::Unreachable, format_args!("no connection to {host}:{port}: {kind}"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
