//! Which faults hold now, and for how long.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc as blocking};

use tokio::sync::oneshot;

use super::{FaultError, Faults};

/// What holds, shared by the door, the connections and whoever changes it.
pub(crate) struct Switch {
    held: Mutex<Current>,
    settle: Settle,
    can: Abilities,
}

/// Hears how the door took the faults that hold now.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Has the door take the faults that hold now. What it is given is dropped if there is no door.
pub(crate) type Settle = Box<dyn Fn(Done) + Send + Sync>;

/// What a server does, and so can do wrong.
#[derive(Clone, Copy)]
pub(crate) struct Abilities {
    pub(crate) speak_tls: bool,
    pub(crate) issue_tokens: bool,
}

struct Current {
    faults: Faults,
    /// For how many connections or requests yet; None: until told otherwise.
    left: Option<u32>,
}

impl Switch {
    pub(crate) fn new(faults: Faults, settle: Settle, can: Abilities) -> Self {
        Self { held: Mutex::new(Current { faults, left: None }), settle, can }
    }

    /// What holds.
    pub(crate) fn now(&self) -> Faults {
        self.held().faults
    }

    /// What holds for a new connection, which is counted if anything is wrong with it.
    pub(crate) fn for_connection(&self) -> Faults {
        self.taken(Faults::is_before_requests)
    }

    /// What holds for a request, which is counted if nothing was wrong with its connection, and if what
    /// is wrong can be met by it.
    pub(crate) fn for_request(&self, is_for_token: bool) -> Faults {
        self.taken(|faults| !faults.is_before_requests() && (is_for_token || !faults.are_of_tokens()))
    }

    fn taken(&self, counts: impl Fn(&Faults) -> bool) -> Faults {
        let mut held = self.held();
        let faults = held.faults;
        if counts(&faults) {
            held.left = held.left.map(|left| left.saturating_sub(1));
            if held.left == Some(0) {
                *held = Current { faults: Faults::NONE, left: None };
            }
        }
        faults
    }

    /// Changes what holds, and returns when the door is so.
    pub(crate) fn set(&self, faults: Faults, left: Option<u32>) -> Result<(), FaultError> {
        self.hold(faults, left)?;
        let (done, waiting) = blocking::channel();
        (self.settle)(Box::new(move |settled| drop(done.send(settled))));
        // An error says that the thread has ended: then there is no door.
        waiting.recv().unwrap_or(Ok(())).map_err(FaultError::Door)
    }

    /// The same, for a request's handler.
    pub(crate) async fn set_meanwhile(&self, faults: Faults) -> Result<(), FaultError> {
        self.hold(faults, None)?;
        let (done, waiting) = oneshot::channel();
        (self.settle)(Box::new(move |settled| drop(done.send(settled))));
        waiting.await.unwrap_or(Ok(())).map_err(FaultError::Door)
    }

    fn hold(&self, faults: Faults, left: Option<u32>) -> Result<(), FaultError> {
        self.check(faults)?;
        match (left, faults.of_the_listener()) {
            (Some(_), Some(fault)) => return Err(FaultError::Uncounted(fault)),
            (Some(0), None) => *self.held() = Current { faults: Faults::NONE, left: None },
            (left, _) => *self.held() = Current { faults, left },
        }
        Ok(())
    }

    /// Whether this server can have these faults.
    pub(crate) fn check(&self, faults: Faults) -> Result<(), FaultError> {
        match (faults.of_tls(), faults.of_tokens()) {
            (Some(fault), _) if !self.can.speak_tls => Err(FaultError::NeedsTls(fault)),
            (_, Some(fault)) if !self.can.issue_tokens => Err(FaultError::NeedsTokens(fault)),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Current> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
