//! The faults in effect, and for how long.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc as blocking};

use tokio::sync::oneshot;

use super::{Fault, FaultError, Faults};

/// The faults in effect, shared by the listening socket, the connections and the control paths.
pub(crate) struct Switch {
    held: Mutex<Current>,
    settle: Settle,
    can: Abilities,
}

/// Receives the result of applying the faults to the listening socket.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Applies the faults in effect to the listening socket. If there is none, the callback is dropped.
pub(crate) type Settle = Box<dyn Fn(Done) + Send + Sync>;

/// The abilities of a server, which decide the faults it can have.
#[derive(Clone, Copy)]
pub(crate) struct Abilities {
    pub(crate) speak_tls: bool,
    pub(crate) issue_tokens: bool,
    pub(crate) serve_a_home: bool,
}

struct Current {
    faults: Faults,
    /// The connections or requests left. None: until changed.
    left: Option<u32>,
}

impl Switch {
    pub(crate) fn new(faults: Faults, settle: Settle, can: Abilities) -> Self {
        Self { held: Mutex::new(Current { faults, left: None }), settle, can }
    }

    /// The faults in effect.
    pub(crate) fn now(&self) -> Faults {
        self.held().faults
    }

    /// The faults for a new connection. It counts if one of them is met before a request.
    pub(crate) fn for_connection(&self) -> Faults {
        self.taken(Faults::is_before_requests)
    }

    /// The faults for a request. It counts if none was met before it and if it can meet one of them.
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

    /// Changes the faults, and returns when the listening socket is in line with them.
    pub(crate) fn set(&self, faults: Faults, left: Option<u32>) -> Result<(), FaultError> {
        self.hold(faults, left)?;
        let (done, waiting) = blocking::channel();
        (self.settle)(Box::new(move |settled| drop(done.send(settled))));
        // An error means that the thread has ended, so there is no listening socket.
        waiting.recv().unwrap_or(Ok(())).map_err(FaultError::Door)
    }

    /// [`Switch::set`] for asynchronous callers.
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
        let lacking = |fault: Option<Fault>, able: bool| fault.filter(|_| !able);
        if let Some(fault) = lacking(faults.of_tls(), self.can.speak_tls) {
            return Err(FaultError::NeedsTls(fault));
        }
        if let Some(fault) = lacking(faults.of_tokens(), self.can.issue_tokens) {
            return Err(FaultError::NeedsTokens(fault));
        }
        lacking(faults.of_a_home(), self.can.serve_a_home)
            .map_or(Ok(()), |fault| Err(FaultError::NeedsHome(fault)))
    }

    fn held(&self) -> MutexGuard<'_, Current> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
