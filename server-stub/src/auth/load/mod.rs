//! The load of a home's services: the resources that limit them and make them slow. [`Model::MEASURED`] is the
//! Python auth service, [`Model::JARVISD`] the Go program.
//!
//! In the Python service the stall is not coded but follows from the resources. A call takes one of 40 threads. A database query
//! takes one of 15 connections, which is held until the answer. A check of a key or password takes 245 ms on
//! one of two cores. A call that has checked its app needs a second connection for the rest and keeps the
//! first. So 14 validations at once take turns, four a second, and 15 block each other until the pool's
//! time-out of 30 s, when some get a 500. A call is processed even if its client has left. These numbers
//! reproduce the measurements (docs/wire/jarvis-auth.md, "Load").
//!
//! jarvisd has no such limits (docs/wire/jarvis-home.md, "What a fleet does to jarvisd"). A check of a key takes a core, too, but a key
//! that was right counts for 60 s in all of its services, until a restart. Calls of one key at once each pay. Unknown and inactive nodes and unknown apps cost nothing. What is written waits in order
//! for the only writer. *Simplifications*: a change of a node's grants costs it no new check; Go lets calls share the cores in slices; here they take turns, which
//! changes the order of the answers but not the time of the last.
//!
//! Nothing is computed: a core is a permit that is held for the time of a check. Handlers take resources
//! through [`Turn`]. Only validations were measured. *Estimate*: every call of an app uses a second
//! connection; passwords and new keys cost as much as a check; administrators' and refresh tokens cost
//! nothing; `/health`, which hangs with 40 calls in progress, takes only a thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::Response;
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::server::answer::internal;
use crate::server::control::Adjustable;
use crate::server::journal::Waits;

mod model;
pub mod numbers;
mod proofs;
#[cfg(test)]
mod tests;
mod turn;

use model::Capacity;
pub use model::{Model, UnknownModel};
pub(crate) use proofs::KeyKind;
use proofs::Proofs;
pub(crate) use turn::Turn;

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
    /// None: without limit, as for the other fields.
    threads: Option<Arc<Semaphore>>,
    connections: Option<Arc<Semaphore>>,
    cores: Semaphore,
    writer: Semaphore,
    proofs: Mutex<Proofs>,
    capacity: Capacity,
}

impl Pools {
    fn of(model: Model) -> Option<Arc<Self>> {
        model.capacity().map(|capacity| {
            let permits = |number| Arc::new(Semaphore::new(number));
            Arc::new(Self {
                threads: capacity.threads.map(permits),
                connections: capacity.connections.map(|(number, _)| permits(number)),
                cores: Semaphore::new(capacity.cores),
                writer: Semaphore::new(1),
                proofs: Mutex::default(),
                capacity,
            })
        })
    }

    fn proofs(&self) -> MutexGuard<'_, Proofs> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> Amounts {
        let Capacity { threads, connections, cores, write, .. } = self.capacity;
        let connections = connections.map(|(number, _)| number);
        Amounts { threads, connections, cores, writer: write.map(|_| 1) }
    }

    fn busy(&self) -> Amounts {
        let of = self.limits();
        let busy = |of: Option<usize>, free: &Semaphore| of.map(|of| of - free.available_permits());
        let shared = |of, free: &Option<Arc<Semaphore>>| free.as_deref().and_then(|free| busy(of, free));
        Amounts {
            threads: shared(of.threads, &self.threads),
            connections: shared(of.connections, &self.connections),
            cores: of.cores - self.cores.available_permits(),
            writer: busy(of.writer, &self.writer),
        }
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

/// None: the model does not limit it.
#[derive(Serialize)]
struct Amounts {
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<usize>,
    cores: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<usize>,
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
        let pools = held.pools.as_deref();
        Shown { model: held.model.to_string(), busy: pools.map(Pools::busy), of: pools.map(Pools::limits) }
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
