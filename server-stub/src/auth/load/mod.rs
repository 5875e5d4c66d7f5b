//! How much the auth service does at once, and how long that takes: what makes it slow, and what makes it
//! stand still.
//!
//! It is a mechanism, and no rule in it says "stall". A call takes one of 40 threads; what it reads needs
//! one of 15 connections to the database, kept until it is answered; and a key or a password is checked
//! for 245 ms on one of two cores. Who has checked an app and then goes on to what the app asked for wants
//! a second connection and keeps the first: so 14 validations at once take their turns, four a second, and
//! 15 wait for each other until the pool's time-out of 30 s, when some are answered 500. A call is worked
//! off though its client has left (wire document, "Load"; these numbers give what was measured).
//!
//! Nothing is really computed: a core is a permit that is held for the time. What a call does, its handler
//! says ([`Turn`]). *Estimate*, since only validations were measured: that whatever an app may do is done
//! over a second connection; that passwords and new keys cost as much as a check; that administrators'
//! and refresh tokens cost none; and that `/health`, which hangs with 40 inside, takes a thread and no more.

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

/// How much a service does at once, and how long that takes.
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
    /// A check's time on a core.
    check: Duration,
    /// How long a call waits for a connection.
    pool_timeout: Duration,
}

impl Model {
    /// As much as is asked, at once.
    pub const INSTANT: Self = Self(None);

    /// As the service was measured, on two cores.
    pub const MEASURED: Self = Self(Some(Capacity {
        threads: 40,
        connections: 15,
        cores: 2,
        check: Duration::from_millis(245),
        pool_timeout: Duration::from_secs(30),
    }));

    /// The same in a fraction of the time, check and time-out alike; by 0 is by 1.
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

/// What a service's calls share. Clones are of the same one.
#[derive(Clone)]
pub(crate) struct Load(Arc<Mutex<Held>>);

struct Held {
    model: Model,
    /// None: there is as much of everything as anybody wants.
    pools: Option<Arc<Pools>>,
    /// Every call that is worked off, whether its client waits or not.
    calls: JoinSet<()>,
}

/// What there is a limited number of.
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

/// What is taken, and of how much. All connections and no core: a deadlock.
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
        // Cannot fail: numbers and text.
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

    /// Calls that come from now on meet this model. Those inside go on as they began.
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

    /// Forgets whatever is being worked off, as a restart of the service does.
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

    /// The answer that comes of `work`, which goes on if nobody waits for the answer any more. Without
    /// a model it takes no time that anybody could leave in, and is left undone then.
    pub(crate) async fn worked_off(&self, work: impl Future<Output = Response> + Send + 'static) -> Response {
        if self.model() == Model::INSTANT {
            return work.await;
        }
        let (answer, waiting) = oneshot::channel();
        {
            let calls = &mut self.held().calls;
            while calls.try_join_next().is_some() {}
            calls.spawn(async move { drop(answer.send(work.await)) });
        }
        // No answer: the handler panicked, or the service was restarted.
        waiting.await.unwrap_or_else(|_| internal())
    }

    /// What a call takes, of which the waits are told.
    pub(crate) fn turn(&self, waits: Waits) -> Turn {
        Turn::new(self.held().pools.clone(), waits)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
