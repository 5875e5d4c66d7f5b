//! The address that is listened on, open, shut or blocked.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::server::faults;

/// A queue that is not full takes a connection from the same machine well within this.
const TAKEN_WITHIN: Duration = Duration::from_millis(250);
/// More connections than the shortest queue of any system holds.
const MOST_QUEUED: usize = 64;

/// What a door should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListenerState {
    Open,
    Shut,
    Blocked,
}

impl ListenerState {
    pub(super) const fn under(fault: Option<faults::ListenFault>) -> Self {
        match fault {
            None => Self::Open,
            Some(faults::ListenFault::Refused) => Self::Shut,
            Some(faults::ListenFault::BlackHole) => Self::Blocked,
        }
    }
}

/// An address and what stands there.
pub(super) struct Listener {
    addr: SocketAddr,
    /// Bound and never listening: so the address stays ours, and no connection somewhere else is given
    /// its port, while the socket that listens is exchanged.
    _holder: TcpSocket,
    held: Held,
}

enum Held {
    Open(TcpListener),
    Shut,
    /// A queue that is full and that nobody takes from.
    Blocked {
        listener: TcpListener,
        _queued: Vec<TcpStream>,
    },
}

impl Listener {
    pub(super) fn open(addr: SocketAddr) -> io::Result<Self> {
        let holder = hold(addr)?;
        let addr = holder.local_addr()?;
        Ok(Self { addr, _holder: holder, held: Held::Open(bind(addr)?) })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where connections come in; none while the door is not open.
    pub(super) fn listener(&self) -> Option<&TcpListener> {
        match &self.held {
            Held::Open(listener) => Some(listener),
            Held::Shut | Held::Blocked { .. } => None,
        }
    }

    /// Does nothing if the door is so already. After an error it is shut.
    pub(super) async fn become_as(&mut self, wanted: ListenerState) -> io::Result<()> {
        if self.state() == wanted {
            return Ok(());
        }
        // Two sockets cannot listen on one address; and to close one is not enough while a process that is
        // just being started has a copy of it.
        if let Held::Open(listener) | Held::Blocked { listener, .. } = &self.held {
            // A system that cannot do this has the socket until it is dropped.
            let _ = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
        }
        self.held = Held::Shut;
        self.held = match wanted {
            ListenerState::Open => Held::Open(bind(self.addr)?),
            ListenerState::Shut => Held::Shut,
            ListenerState::Blocked => block(self.addr).await?,
        };
        Ok(())
    }

    fn state(&self) -> ListenerState {
        match self.held {
            Held::Open(_) => ListenerState::Open,
            Held::Shut => ListenerState::Shut,
            Held::Blocked { .. } => ListenerState::Blocked,
        }
    }
}

/// A socket that merely holds an address: connecting to it is refused.
fn hold(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Or the connections of the last start, lingering in TIME_WAIT, would keep the address; and two sockets
    // could not hold it, of which one does not listen.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    hold(addr)?.listen(1024)
}

/// Listens with the shortest queue there is and fills it: then the system drops what else asks.
async fn block(addr: SocketAddr) -> io::Result<Held> {
    let listener = hold(addr)?.listen(1)?;
    let mut reachable = addr;
    if addr.ip().is_unspecified() {
        let v4 = addr.is_ipv4();
        reachable.set_ip(if v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(TAKEN_WITHIN, TcpStream::connect(reachable)).await {
        queued.push(stream);
        if queued.len() > MOST_QUEUED {
            return Err(io::Error::other("its queue never fills on this system"));
        }
    }
    Ok(Held::Blocked { listener, _queued: queued })
}
