//! How long a request waited, and for which resource.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::time::Instant;

/// A resource that a request can wait for.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Resource {
    Thread,
    Connection,
    /// A turn for a check.
    Core,
    /// The end of a check.
    Check,
    /// A turn at the only writer of a database.
    Writer,
}

/// The waits of one request, updated while it is processed. Stored in its extensions.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Option<WaitTimes>>>);

#[derive(Clone, Copy, Default)]
struct WaitTimes {
    thread: Duration,
    connection: Duration,
    core: Duration,
    check: Duration,
    writer: Duration,
    now: Option<(Resource, Instant)>,
}

/// In milliseconds.
#[derive(Serialize)]
pub(super) struct Waited {
    thread: u128,
    connection: u128,
    core: u128,
    check: u128,
    writer: u128,
    /// The resource it waits for now, or waited for when its client left.
    last: Option<Resource>,
}

impl Waits {
    /// Waits and measures the time.
    pub(crate) async fn during<T>(&self, thing: Resource, wait: impl Future<Output = T>) -> T {
        self.state().get_or_insert_default().now = Some((thing, Instant::now()));
        let waited = wait.await;
        let mut state = self.state();
        *state = state.map(|state| WaitTimes { now: None, ..state.counted() });
        waited
    }

    /// None: the service has no model.
    pub(super) fn so_far(&self) -> Option<Waited> {
        self.state().map(|state| {
            let WaitTimes { thread, connection, core, check, writer, now } = state.counted();
            let [thread, connection, core, check, writer] =
                [thread, connection, core, check, writer].map(|time| time.as_millis());
            Waited { thread, connection, core, check, writer, last: now.map(|(thing, _)| thing) }
        })
    }

    fn state(&self) -> MutexGuard<'_, Option<WaitTimes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitTimes {
    fn counted(mut self) -> Self {
        if let Some((thing, since)) = self.now {
            let time = match thing {
                Resource::Thread => &mut self.thread,
                Resource::Connection => &mut self.connection,
                Resource::Core => &mut self.core,
                Resource::Check => &mut self.check,
                Resource::Writer => &mut self.writer,
            };
            *time += since.elapsed();
        }
        self
    }
}
