//! The resources that one call holds while it is processed.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::{KeyKind, Pools};
use crate::home::refusal::Refusal;
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
        let Some(threads) = self.pools.as_ref().and_then(|pools| pools.threads.clone()) else { return };
        // These semaphores are never closed.
        let free = threads.acquire_owned();
        self.thread = self.waits.during(Resource::Thread, free).await.ok();
    }

    /// Waits for a further connection.
    pub(crate) async fn connection(&mut self) -> Result<(), PoolTimedOut> {
        let Some(pools) = &self.pools else { return Ok(()) };
        let limit = pools.connections.clone().zip(pools.capacity.connections);
        let Some((connections, (_, patience))) = limit else { return Ok(()) };
        let free = timeout(patience, connections.acquire_owned());
        let permit = self.waits.during(Resource::Connection, free).await.map_err(|_| PoolTimedOut)?;
        self.connections.extend(permit.ok());
        Ok(())
    }

    /// Checks a password, or seals a new one or a new key.
    pub(crate) async fn check(&mut self) {
        let Some(pools) = &self.pools else { return };
        let _core = self.waits.during(Resource::Core, pools.cores.acquire()).await;
        self.waits.during(Resource::Check, sleep(pools.capacity.check)).await;
    }

    /// Checks the key that an app or a node has shown; `right` is what comes of it.
    pub(crate) async fn check_key(&mut self, kind: KeyKind, id: &str, key: &str, right: bool) {
        let Some(pools) = self.pools.clone() else { return };
        let Some(life) = pools.capacity.proof else { return self.check().await };
        if right && pools.proofs().hold(kind, id, key, life) {
            return;
        }
        let since = Instant::now();
        self.check().await;
        if right {
            pools.proofs().keep(kind, id, key, since, life);
        }
    }

    /// Waits for the only writer, and for its write.
    pub(crate) async fn write(&mut self) {
        let Some(pools) = &self.pools else { return };
        let Some(write) = pools.capacity.write else { return };
        let _writer = self.waits.during(Resource::Writer, pools.writer.acquire()).await;
        sleep(write).await;
    }
}
