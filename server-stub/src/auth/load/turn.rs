//! The resources that one call holds while it is processed.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::Pools;
use crate::auth::fastapi::Refusal;
use crate::server::journal::{Resource, Waits};

/// A call's thread and connections, until it is dropped. Handlers extract it from their request.
pub(crate) struct Turn {
    /// None: there are no limits.
    pools: Option<Arc<Pools>>,
    waits: Waits,
    thread: Option<OwnedSemaphorePermit>,
    connections: Vec<OwnedSemaphorePermit>,
}

/// No connection became free in time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PoolTimedOut;

impl From<PoolTimedOut> for Refusal {
    fn from(_: PoolTimedOut) -> Self {
        Self::Internal
    }
}

impl Turn {
    pub(super) fn new(pools: Option<Arc<Pools>>, waits: Waits) -> Self {
        Self { pools, waits, thread: None, connections: Vec::new() }
    }

    /// Waits for a thread. Every call with a readable body needs one.
    pub(crate) async fn thread(&mut self) {
        let Some(pools) = &self.pools else { return };
        // These semaphores are never closed.
        let free = Arc::clone(&pools.threads).acquire_owned();
        self.thread = self.waits.during(Resource::Thread, free).await.ok();
    }

    /// Waits for a further connection.
    pub(crate) async fn connection(&mut self) -> Result<(), PoolTimedOut> {
        let Some(pools) = &self.pools else { return Ok(()) };
        let free = Arc::clone(&pools.connections).acquire_owned();
        let free = timeout(pools.capacity.pool_timeout, free);
        let permit = self.waits.during(Resource::Connection, free).await.map_err(|_| PoolTimedOut)?;
        self.connections.extend(permit.ok());
        Ok(())
    }

    /// Checks a key or a password, or seals a new one.
    pub(crate) async fn check(&mut self) {
        let Some(pools) = &self.pools else { return };
        let _core = self.waits.during(Resource::Core, pools.cores.acquire()).await;
        self.waits.during(Resource::Check, sleep(pools.capacity.check)).await;
    }
}
