//! The stub's own thread: a socket that can be taken away and put back, and the connections on it.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::{Arc, mpsc as blocking};
use std::thread::JoinHandle;

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::http::{Ends, Http};
use crate::idle::{IdleClose, InRequest};
use crate::pki::Identity;

/// How long to wait when the system has no descriptors left for another connection.
const BREATH: Duration = Duration::from_millis(50);

/// Room for JSON nested as deeply as the service takes it, in a build without optimisation.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// What is served on each connection.
#[derive(Clone)]
pub(crate) struct Site {
    /// None: plain HTTP.
    pub(crate) tls: Option<Arc<Identity>>,
    pub(crate) http: Http,
}

/// The running thread. Dropping it closes everything and waits for the thread's end.
pub(crate) struct Listening {
    addr: SocketAddr,
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    GoDown(blocking::Sender<()>),
    ComeBack(blocking::Sender<io::Result<()>>),
}

impl Listening {
    /// Binds `listen` and serves `site` there from a thread of its own.
    pub(crate) fn start(listen: SocketAddr, site: Site) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, incoming) = mpsc::unbounded_channel();
        let (bound, binding) = blocking::channel();
        let builder = std::thread::Builder::new().name("server-stub".into()).stack_size(STACK_BYTES);
        let thread = builder.spawn(move || {
            runtime.block_on(async move {
                match bind(listen).and_then(|listener| Ok((listener.local_addr()?, listener))) {
                    Ok((addr, listener)) => {
                        // Nobody waiting means nobody to serve: the loop below then ends at once.
                        let _ = bound.send(Ok(addr));
                        serve(listener, addr, &site, incoming).await;
                    }
                    Err(error) => drop(bound.send(Err(error))),
                }
            });
        })?;
        let addr = binding.recv().map_err(|_| ended())??;
        Ok(Self { addr, orders: Some(orders), thread: Some(thread) })
    }

    /// Where it listens, or listened.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes the listener and every connection, and returns when that is done.
    pub(crate) fn go_down(&self) {
        let (done, waiting) = blocking::channel();
        if self.order(Order::GoDown(done)) {
            // An error says that the thread has ended: then nothing is open either.
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

/// Not listening yet: a socket that merely holds an address makes connecting to it refused.
fn hold(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Or the connections of the last start, lingering in TIME_WAIT, would keep the address.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    hold(addr)?.listen(1024)
}

/// The address, open or shut.
enum Door {
    Open(TcpListener),
    /// The address is held all the same where that can be done, so that nobody else is given it.
    Shut(Option<TcpSocket>),
}

async fn serve(
    listener: TcpListener,
    addr: SocketAddr,
    site: &Site,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut door = Door::Open(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => break,
                Some(Order::GoDown(done)) => {
                    if let Door::Open(listener) = door {
                        drop(listener);
                        door = Door::Shut(hold(addr).ok());
                    }
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                Some(Order::ComeBack(done)) => {
                    let opened = match door {
                        Door::Open(listener) => Ok(listener),
                        Door::Shut(held) => {
                            drop(held);
                            bind(addr)
                        }
                    };
                    let (next, result) = match opened {
                        Ok(listener) => (Door::Open(listener), Ok(())),
                        Err(error) => (Door::Shut(None), Err(error)),
                    };
                    door = next;
                    let _ = done.send(result);
                }
            },
            (stream, peer) = accept(&door) => {
                connections.spawn(connection(stream, Ends { peer, local: addr }, site.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(door);
    connections.shutdown().await;
}

async fn accept(door: &Door) -> (TcpStream, SocketAddr) {
    let Door::Open(listener) = door else { return core::future::pending().await };
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn connection(stream: TcpStream, ends: Ends, site: Site) {
    // Small answers must not wait for acknowledgements. A socket that refuses this still works.
    let _ = stream.set_nodelay(true);
    match site.tls {
        None => exchange(stream, ends, site.http).await,
        Some(identity) => {
            // A failed handshake has told the client what it needs; the stub has nothing to add.
            if let Ok(stream) = TlsAcceptor::from(identity.config()).accept(stream).await {
                exchange(stream, ends, site.http).await;
            }
        }
    }
}

async fn exchange<S>(stream: S, ends: Ends, http: Http)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let in_request = InRequest::default();
    let stream = TokioIo::new(IdleClose::new(stream, in_request.clone()));
    let service = service_fn(move |request| {
        in_request.begin();
        let (http, in_request) = (http.clone(), in_request.clone());
        async move {
            let response = http.answer(request.map(Body::new), ends).await;
            Ok::<_, core::convert::Infallible>(response.map(|body| in_request.until_sent(body)))
        }
    });
    // No read timeouts: the service has none. How a connection ends is the client's business.
    let _ = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(stream, service)
        .await;
}
