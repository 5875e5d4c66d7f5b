//! What one call takes from the service while it is worked off.

use core::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::{Load, Pools};
use crate::fastapi::Refusal;
use crate::service::Service;

/// A call's thread and its connections, until it is dropped. Handlers have it from their request.
pub(crate) struct Turn {
    /// None: nothing has to be waited for.
    pools: Option<Arc<Pools>>,
    thread: Option<OwnedSemaphorePermit>,
    connections: Vec<OwnedSemaphorePermit>,
}

/// No connection came free in time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PoolTimedOut;

impl From<PoolTimedOut> for Refusal {
    fn from(_: PoolTimedOut) -> Self {
        Self::Internal
    }
}

impl FromRequestParts<Arc<Service>> for Turn {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut request::Parts, service: &Arc<Service>) -> Result<Self, Infallible> {
        Ok(Self::of(&service.load))
    }
}

impl Turn {
    pub(super) fn of(load: &Load) -> Self {
        Self { pools: load.pools(), thread: None, connections: Vec::new() }
    }

    /// Waits for a thread, as every call does whose body can be read.
    pub(crate) async fn thread(&mut self) {
        let Some(pools) = &self.pools else { return };
        // No semaphore of these is ever closed.
        self.thread = Arc::clone(&pools.threads).acquire_owned().await.ok();
    }

    /// Waits for a connection besides those that the call has.
    pub(crate) async fn connection(&mut self) -> Result<(), PoolTimedOut> {
        let Some(pools) = &self.pools else { return Ok(()) };
        let free = Arc::clone(&pools.connections).acquire_owned();
        let permit = timeout(pools.capacity.pool_timeout, free).await.map_err(|_| PoolTimedOut)?;
        self.connections.extend(permit.ok());
        Ok(())
    }

    /// Checks a key or a password, or seals a new one.
    pub(crate) async fn check(&mut self) {
        let Some(pools) = &self.pools else { return };
        let _core = pools.cores.acquire().await;
        sleep(pools.capacity.check).await;
    }
}
