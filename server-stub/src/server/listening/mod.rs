//! The server's own thread: a listening socket that can be closed and reopened, and its connections.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::mpsc as blocking;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::connection::{self, Site};
use super::ends::Ends;
use super::faults;
use super::faults::switch::{Done, Settle};
use listener::{Listener, ListenerState};

mod listener;

/// How long to wait when the system has no descriptors left for another connection.
const BREATH: Duration = Duration::from_millis(50);

/// The running thread. Dropping it closes everything and waits for the thread's end.
pub(super) struct Listening {
    addr: SocketAddr,
    control: Option<SocketAddr>,
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// Orders that the thread takes.
pub(crate) enum Order {
    GoDown(blocking::Sender<()>),
    ComeBack(blocking::Sender<io::Result<()>>),
    /// The faults have changed: bring the listening socket up to date.
    Settle(Done),
}

/// The channel for orders.
pub(super) fn orders() -> (mpsc::UnboundedSender<Order>, mpsc::UnboundedReceiver<Order>) {
    mpsc::unbounded_channel()
}

/// Brings the listening socket in line with the faults. The sender is weak because the serving thread holds
/// this closure and ends when the last sender is dropped.
pub(super) fn settle(orders: &mpsc::UnboundedSender<Order>) -> Settle {
    let orders = orders.downgrade();
    Box::new(move |done| {
        if let Some(orders) = orders.upgrade() {
            // If the order is not taken, the callback is dropped with it, which ends the caller's wait.
            let _ = orders.send(Order::Settle(done));
        }
    })
}

impl Listening {
    /// Binds `listen`, and `control` in plain HTTP, from a thread of its own. It serves the site that it is
    /// sent; if no site is sent, it ends. An error names the address.
    pub(crate) fn start(
        listen: SocketAddr,
        control: Option<SocketAddr>,
        listener: Option<faults::ListenFault>,
        orders: mpsc::UnboundedSender<Order>,
        incoming: mpsc::UnboundedReceiver<Order>,
    ) -> Result<(Self, oneshot::Sender<Site>), (SocketAddr, io::Error)> {
        let failed = |error| (listen, error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (bound, binding) = blocking::channel();
        let (serve, site) = oneshot::channel();
        let builder = std::thread::Builder::new().name("server-stub".into());
        let thread = builder.spawn(move || {
            runtime.block_on(async {
                match bind(listen, control, listener).await {
                    Ok((listener, control)) => {
                        let control_addr = control.as_ref().and_then(|listener| listener.local_addr().ok());
                        // If the caller has gone, no site is sent either.
                        let _ = bound.send(Ok((listener.addr(), control_addr)));
                        if let Ok(site) = site.await {
                            serve_site(listener, control, &site, incoming).await;
                        }
                    }
                    Err(error) => drop(bound.send(Err(error))),
                }
            });
        });
        let thread = thread.map_err(failed)?;
        let (addr, control) = binding.recv().map_err(|_| failed(ended()))??;
        Ok((Self { addr, control, orders: Some(orders), thread: Some(thread) }, serve))
    }

    /// The address it listens on, or listened on.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of the control paths.
    pub(crate) fn control(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Closes the listener and every connection, and returns when that is done.
    pub(crate) fn go_down(&self) {
        let (done, waiting) = blocking::channel();
        if self.order(Order::GoDown(done)) {
            // An error means that the thread has ended, so nothing is open.
            let _ = waiting.recv();
        }
    }

    /// Listens again on the same address.
    pub(crate) fn come_back(&self) -> io::Result<()> {
        let (done, waiting) = blocking::channel();
        if self.order(Order::ComeBack(done)) { waiting.recv().map_err(|_| ended())? } else { Err(ended()) }
    }

    fn order(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported on stderr already.
            let _ = thread.join();
        }
    }
}

fn ended() -> io::Error {
    io::Error::other("the stub's thread has ended")
}

async fn bind(
    listen: SocketAddr,
    control: Option<SocketAddr>,
    fault: Option<faults::ListenFault>,
) -> Result<(Listener, Option<TcpListener>), (SocketAddr, io::Error)> {
    let mut listener = Listener::open(listen).map_err(|error| (listen, error))?;
    listener.become_as(ListenerState::under(fault)).await.map_err(|error| (listen, error))?;
    let control = match control {
        Some(addr) => Some(listener::bind(addr).map_err(|error| (addr, error))?),
        None => None,
    };
    Ok((listener, control))
}

fn wanted(down: bool, site: &Site) -> ListenerState {
    if down { ListenerState::Shut } else { ListenerState::under(site.switch.now().listener) }
}

async fn serve_site(
    mut listener: Listener,
    control: Option<TcpListener>,
    site: &Site,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let (addr, mut down) = (listener.addr(), false);
    let control_addr = control.as_ref().and_then(|listener| listener.local_addr().ok());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => break,
                Some(Order::GoDown(done)) => {
                    down = true;
                    // Closing never fails.
                    let _ = listener.become_as(ListenerState::Shut).await;
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                Some(Order::ComeBack(done)) => {
                    let opened = listener.become_as(wanted(false, site)).await;
                    down &= opened.is_err();
                    let _ = done.send(opened);
                }
                Some(Order::Settle(done)) => done(listener.become_as(wanted(down, site)).await),
            },
            (stream, peer) = accept(listener.listener()) => {
                connections.spawn(connection::serve(stream, Ends { peer, local: addr }, site.clone()));
            }
            (stream, peer) = accept(control.as_ref()) => {
                if let Some(local) = control_addr {
                    let control = site.control.clone();
                    connections.spawn(connection::serve_plainly(stream, Ends { peer, local }, control));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(listener: Option<&TcpListener>) -> (TcpStream, SocketAddr) {
    let Some(listener) = listener else { return core::future::pending().await };
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}
