//! The listening socket of an address: open, closed or blocked.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::server::faults;

/// A queue that is not full accepts a connection from the same machine within this time.
const TAKEN_WITHIN: Duration = Duration::from_millis(250);
/// The shortest queue of any system holds fewer connections than this.
const MOST_QUEUED: usize = 64;

/// The states of a listening socket.
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

/// An address and its listening socket.
pub(super) struct Listener {
    addr: SocketAddr,
    /// This socket is bound and never listens. It keeps the address reserved while the listening socket is
    /// replaced; otherwise the system could give the port to an outgoing connection.
    _holder: TcpSocket,
    held: Held,
}

enum Held {
    Open(TcpListener),
    Shut,
    /// The queue is full and no connection is accepted.
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

    /// The socket that accepts connections. None: the state is not open.
    pub(super) fn listener(&self) -> Option<&TcpListener> {
        match &self.held {
            Held::Open(listener) => Some(listener),
            Held::Shut | Held::Blocked { .. } => None,
        }
    }

    /// Changes the state, unless it is already this one. After an error the state is closed.
    pub(super) async fn become_as(&mut self, wanted: ListenerState) -> io::Result<()> {
        if self.state() == wanted {
            return Ok(());
        }
        // Two sockets cannot listen on one address. Closing one is not enough while a process that is being
        // started holds a copy of the descriptor.
        if let Held::Open(listener) | Held::Blocked { listener, .. } = &self.held {
            // A system without this call keeps the socket until it is dropped.
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

/// A socket that is bound and does not listen: connecting to it is refused.
fn hold(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Otherwise connections of the last start in TIME_WAIT would block the address, and two sockets could not
    // be bound to it.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    hold(addr)?.listen(1024)
}

/// Listens with the shortest possible queue and fills it, so that the system drops further connection
/// requests.
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
