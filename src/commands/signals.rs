//! Signals that end the program, or stop it, held back while that would do harm.

use std::ffi::c_int;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::{SigId, flag, low_level};

/// What people and systems send: a closed terminal, Ctrl-C, `kill`, Ctrl-Z.
const SIGNALS: [c_int; 4] = [SIGHUP, SIGINT, SIGTERM, SIGTSTP];

/// Whether signals do what they usually do. Once a handler is set, nothing takes it away again, so this stands for it.
static AS_USUAL: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Holds signals back until it is dropped. One that is made meanwhile changes nothing about that.
#[derive(Debug)]
pub(super) struct Held {
    as_usual: &'static AtomicBool,
    /// Whether they did what they usually do before.
    were_as_usual: bool,
    /// The last one that came, 0 for none.
    last: Arc<AtomicUsize>,
    /// Gets a byte for each.
    pub(super) came: UnixStream,
    handlers: Vec<SigId>,
}

impl Held {
    /// # Errors
    /// When the system lacks sockets or refuses a handler.
    pub(super) fn hold() -> io::Result<Self> {
        let as_usual = match AS_USUAL.get() {
            Some(flag) => flag,
            None => {
                let flag = Arc::new(AtomicBool::new(true));
                for signal in SIGNALS {
                    flag::register_conditional_default(signal, Arc::clone(&flag))?;
                }
                AS_USUAL.get_or_init(|| flag)
            }
        };
        let (came, sender) = UnixStream::pair()?;
        let were_as_usual = as_usual.swap(false, Ordering::SeqCst);
        let mut held = Self { as_usual, were_as_usual, last: Arc::default(), came, handlers: Vec::new() };
        for signal in SIGNALS {
            let number = usize::try_from(signal).unwrap_or_default();
            held.handlers.push(flag::register_usize(signal, Arc::clone(&held.last), number)?);
            held.handlers.push(low_level::pipe::register(signal, sender.try_clone()?)?);
        }
        Ok(held)
    }

    /// The last signal that came since this was asked.
    pub(super) fn take(&self) -> Option<c_int> {
        c_int::try_from(self.last.swap(0, Ordering::SeqCst)).ok().filter(|signal| *signal != 0)
    }

    /// Does what `signal` usually does: ends the program by it, or stops it until it is continued.
    pub(super) fn act(signal: c_int) {
        // Fails only for signals that signal-hook does not know.
        let _ = low_level::emulate_default_handler(signal);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.as_usual.store(self.were_as_usual, Ordering::SeqCst);
        for handler in self.handlers.drain(..) {
            low_level::unregister(handler);
        }
    }
}
