//! One connection: TLS, requests, answers, and their faults.

use core::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Manners;
use super::dispatch::{Dispatch, Step};
use super::ends::Ends;
use super::faults::switch::Switch;
use super::faults::{Delivery, Moment};
use super::journal::{Ended, Journal};
use super::pki::Identity;
use drained::Drained;
use idle::{IdleClose, InRequest};
use socket::{Reset, Socket};

mod delivery;
mod drained;
mod handshake;
mod idle;
mod socket;

/// The service and its faults, as each connection needs them.
#[derive(Clone)]
pub(super) struct Site {
    /// None: plain HTTP.
    pub(crate) tls: Option<Arc<Identity>>,
    pub(crate) manners: Manners,
    pub(crate) dispatch: Dispatch,
    pub(crate) switch: Arc<Switch>,
    pub(crate) journal: Arc<Journal>,
    /// Answers at the control address.
    pub(crate) control: Dispatch,
}

/// Serves a connection to its end, with the faults in effect.
pub(crate) async fn serve(stream: TcpStream, ends: Ends, site: Site) {
    let faults = site.switch.for_connection();
    let (socket, reset) = wrapped(stream);
    let without_request = |ended| site.journal.without_request(ends.peer, faults, ended);
    if let Some(fault) = faults.accepted {
        without_request(Ended::NoRequest);
        return handshake::accept(socket, fault).await;
    }
    if faults.moment.is_some_and(Moment::is_before_requests) {
        without_request(Ended::NoRequest);
    }
    match site.tls {
        None => exchange(socket, reset, ends, site.dispatch, site.manners, faults.moment).await,
        Some(identity) => {
            if let Some(stream) = handshake::tls(socket, &identity, faults).await {
                exchange(stream, reset, ends, site.dispatch, site.manners, faults.moment).await;
            } else {
                without_request(Ended::NoHandshake);
            }
        }
    }
}

/// Serves a connection in plain HTTP, without faults.
pub(super) async fn serve_plainly(stream: TcpStream, ends: Ends, dispatch: Dispatch) {
    let (socket, reset) = wrapped(stream);
    exchange(socket, reset, ends, dispatch, Manners::PYTHON, None).await;
}

fn wrapped(stream: TcpStream) -> (Socket, Reset) {
    // Small answers must not wait for acknowledgements. A socket without this option still works.
    let _ = stream.set_nodelay(true);
    let socket = Socket::new(stream);
    let reset = socket.reset();
    (socket, reset)
}

/// How a connection goes on after it is taken over from the HTTP library.
enum Takeover {
    Deliver(Response, Delivery),
    Close,
    Reset,
}

async fn exchange<S>(
    mut stream: S,
    reset: Reset,
    ends: Ends,
    dispatch: Dispatch,
    manners: Manners,
    moment: Option<Moment>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match moment {
        Some(Moment::CloseBeforeRequest) => return drop(stream.shutdown().await),
        Some(Moment::ResetBeforeRequest) => return reset.on_drop(),
        Some(
            Moment::CloseAfterRequest
            | Moment::ResetAfterRequest
            | Moment::Stall
            | Moment::StallThenError
            | Moment::Late,
        )
        | None => {}
    }
    let (take_over, mut takeovers) = mpsc::channel(1);
    let in_request = InRequest::default();
    let stream = TokioIo::new(IdleClose::new(stream, in_request.clone(), manners.idle));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        in_request.begin();
        let (dispatch, in_request, take_over) = (dispatch.clone(), in_request.clone(), take_over.clone());
        async move {
            let takeover = match dispatch.step(request.map(|body| Body::new(Drained::new(body))), ends).await
            {
                Step::Answer(response) => {
                    return Ok::<_, Infallible>(response.map(|body| in_request.until_sent(body)));
                }
                Step::Deliver(response, how) => Takeover::Deliver(response, how),
                Step::Close => Takeover::Close,
                Step::Reset => Takeover::Reset,
            };
            // The receiver drops this future.
            let _ = take_over.send(takeover).await;
            core::future::pending().await
        }
    });
    // A body that stalls is waited for, as the services do.
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(manners.head)
        .title_case_headers(manners.capitals)
        .auto_date_header(manners.dates)
        .serve_connection(stream, service);
    let takeover = tokio::select! {
        _ = &mut connection => return,
        Some(takeover) = takeovers.recv() => takeover,
    };
    // Nothing of this request's answer has been sent, and earlier answers have gone out. The library's
    // buffers can be dropped.
    let mut stream = connection.into_parts().io.into_inner();
    match takeover {
        Takeover::Deliver(response, how) => delivery::deliver(stream, reset, response, how).await,
        Takeover::Close => drop(stream.shutdown().await),
        Takeover::Reset => reset.on_drop(),
    }
}
