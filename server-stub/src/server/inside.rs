//! The way to a service for other services of the same process. It meets the server's absence and its faults,
//! and appears in its log. Faults of a connection, whatever they are, are a connection that was cut.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::response::Response;
use tokio::time::timeout;

use super::dispatch::{Dispatch, Step};
use super::ends::Ends;
use super::faults::ListenFault;
use super::faults::switch::Switch;

/// The way to a service.
#[derive(Clone)]
pub(crate) struct Inside {
    down: Arc<AtomicBool>,
    /// None: the service has no faults.
    switch: Option<Arc<Switch>>,
    /// Empty: the server does not serve yet.
    dispatch: Arc<OnceLock<Dispatch>>,
}

/// Why there was no answer, in the words of Python's HTTP client (httpx). *Assumption*: the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("[Errno 111] Connection refused")]
    Refused,
    #[error("Server disconnected without sending a response.")]
    Disconnected,
    #[error("timed out")]
    TimedOut,
}

impl Inside {
    pub(super) fn of(switch: &Arc<Switch>) -> Self {
        Self { down: Arc::default(), switch: Some(Arc::clone(switch)), dispatch: Arc::default() }
    }

    /// The way to a service without a server.
    #[cfg(test)]
    pub(crate) fn without_server(service: axum::Router) -> Self {
        let inside = Self { down: Arc::default(), switch: None, dispatch: Arc::default() };
        inside.opens(Dispatch::faithful(service));
        inside
    }

    /// The service is there.
    pub(super) fn opens(&self, dispatch: Dispatch) {
        // A server serves once.
        let _ = self.dispatch.set(dispatch);
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// The service's answer, if it comes in time.
    pub(crate) async fn ask(&self, request: Request, patience: Duration) -> Result<Response, NoAnswer> {
        let asked = async {
            let Some(dispatch) = self.dispatch.get().filter(|_| !self.down.load(Ordering::Relaxed)) else {
                return Err(NoAnswer::Refused);
            };
            if let Some(faults) = self.switch.as_ref().map(|switch| switch.for_connection()) {
                match faults.listener {
                    Some(ListenFault::Refused) => return Err(NoAnswer::Refused),
                    Some(ListenFault::BlackHole) => core::future::pending().await,
                    None => {}
                }
                if faults.is_before_requests() {
                    return Err(NoAnswer::Disconnected);
                }
            }
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            match dispatch.step(request, Ends { peer: here, local: here }).await {
                Step::Answer(response) | Step::Deliver(response, _) => Ok(response),
                Step::Close | Step::Reset => Err(NoAnswer::Disconnected),
            }
        };
        timeout(patience, asked).await.unwrap_or(Err(NoAnswer::TimedOut))
    }
}
