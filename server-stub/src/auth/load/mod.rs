//! The load of the auth service: the resources that limit it and make it slow.
//!
//! The stall is not coded but follows from the resources. A call takes one of 40 threads. A database query
//! takes one of 15 connections, which is held until the answer. A check of a key or password takes 245 ms on
//! one of two cores. A call that has checked its app needs a second connection for the rest and keeps the
//! first. So 14 validations at once take turns, four a second, and 15 block each other until the pool's
//! time-out of 30 s, when some get a 500. A call is processed even if its client has left. These numbers
//! reproduce the measurements (docs/wire/jarvis-auth.md, "Load").
//!
//! Nothing is computed: a core is a permit that is held for the time of a check. Handlers take resources
//! through [`Turn`]. Only validations were measured. *Estimate*: every call of an app uses a second
//! connection; passwords and new keys cost as much as a check; administrators' and refresh tokens cost
//! nothing; `/health`, which hangs with 40 calls in progress, takes only a thread.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::Response;
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::server::answer::internal;
use crate::server::control::Adjustable;
use crate::server::journal::Waits;

mod turn;

pub(crate) use turn::{PoolTimedOut, Turn};

/// A model of how slow the service is.
///
/// ```
/// use server_stub::{Model, Options, Stub};
/// let stub = Stub::start(Options { model: Model::MEASURED.faster_by(20), ..Options::default() })?;
/// stub.set_model(Model::INSTANT); // and who calls from now on is answered at once
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model(Option<Capacity>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Capacity {
    threads: usize,
    connections: usize,
    cores: usize,
    /// The time of a check on a core.
    check: Duration,
    /// How long a call waits for a connection.
    pool_timeout: Duration,
}

impl Model {
    /// Without limits and delays.
    pub const INSTANT: Self = Self(None);

    /// The service as measured, on two cores.
    pub const MEASURED: Self = Self(Some(Capacity {
        threads: 40,
        connections: 15,
        cores: 2,
        check: Duration::from_millis(245),
        pool_timeout: Duration::from_secs(30),
    }));

    /// This model with check and time-out divided by `factor`; 0 counts as 1.
    #[must_use]
    pub fn faster_by(self, factor: u32) -> Self {
        let factor = factor.max(1);
        Self(self.0.map(|capacity| Capacity {
            check: capacity.check / factor,
            pool_timeout: capacity.pool_timeout / factor,
            ..capacity
        }))
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.0.is_some() { "measured" } else { "instant" })
    }
}

/// There is no model of that name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no model '{0}'; instant and measured are there")]
pub struct UnknownModel(String);

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        match name {
            "instant" => Ok(Self::INSTANT),
            "measured" => Ok(Self::MEASURED),
            other => Err(UnknownModel(other.to_owned())),
        }
    }
}

/// The state that all calls share. Clones share it, too.
#[derive(Clone)]
pub(crate) struct Load(Arc<Mutex<Held>>);

struct Held {
    model: Model,
    /// None: there are no limits.
    pools: Option<Arc<Pools>>,
    /// Every call in progress, whether its client waits or not.
    calls: JoinSet<()>,
}

/// The limited resources.
struct Pools {
    threads: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    capacity: Capacity,
}

impl Pools {
    fn of(model: Model) -> Option<Arc<Self>> {
        model.0.map(|capacity| {
            let permits = |number| Arc::new(Semaphore::new(number));
            let [threads, connections] = [capacity.threads, capacity.connections].map(permits);
            Arc::new(Self { threads, connections, cores: permits(capacity.cores), capacity })
        })
    }
}

/// The resources in use, and their limits. All connections and no core in use mean a deadlock.
#[derive(Serialize)]
struct Shown {
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    busy: Option<Amounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<Amounts>,
}

#[derive(Serialize)]
struct Amounts {
    threads: usize,
    connections: usize,
    cores: usize,
}

impl Adjustable for Load {
    fn shown(&self) -> String {
        // Numbers and text can always be serialised.
        serde_json::to_string(&self.state()).unwrap_or_default()
    }

    fn set_named(&self, name: &str) -> Result<(), String> {
        self.set(name.parse().map_err(|error: UnknownModel| error.to_string())?);
        Ok(())
    }
}

impl Load {
    pub(crate) fn new(model: Model) -> Self {
        Self(Arc::new(Mutex::new(Held { model, pools: Pools::of(model), calls: JoinSet::new() })))
    }

    /// Sets the model for future calls. Calls in progress keep theirs.
    pub(crate) fn set(&self, model: Model) {
        let mut held = self.held();
        if held.model != model {
            held.model = model;
            held.pools = Pools::of(model);
        }
    }

    pub(crate) fn model(&self) -> Model {
        self.held().model
    }

    /// Drops all calls in progress, as a restart of the service does.
    pub(crate) fn restart(&self) {
        let mut held = self.held();
        held.calls = JoinSet::new();
        held.pools = Pools::of(held.model);
    }

    fn state(&self) -> Shown {
        let held = self.held();
        let capacity = held.pools.as_deref().map(|pools| &pools.capacity);
        let busy = held.pools.as_deref().map(|pools| Amounts {
            threads: pools.capacity.threads - pools.threads.available_permits(),
            connections: pools.capacity.connections - pools.connections.available_permits(),
            cores: pools.capacity.cores - pools.cores.available_permits(),
        });
        let of = capacity.map(|capacity| Amounts {
            threads: capacity.threads,
            connections: capacity.connections,
            cores: capacity.cores,
        });
        Shown { model: held.model.to_string(), busy, of }
    }

    /// The answer of `work`. With a model, the work goes on if the client leaves. Without one it takes no
    /// time, and is dropped with its client.
    pub(super) async fn worked_off(&self, work: impl Future<Output = Response> + Send + 'static) -> Response {
        if self.model() == Model::INSTANT {
            return work.await;
        }
        let (answer, waiting) = oneshot::channel();
        {
            let calls = &mut self.held().calls;
            while calls.try_join_next().is_some() {}
            calls.spawn(async move { drop(answer.send(work.await)) });
        }
        // Without an answer, the handler panicked or the service was restarted.
        waiting.await.unwrap_or_else(|_| internal())
    }

    /// A call's resources; `waits` records the time it waits for them.
    pub(crate) fn turn(&self, waits: Waits) -> Turn {
        Turn::new(self.held().pools.clone(), waits)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
