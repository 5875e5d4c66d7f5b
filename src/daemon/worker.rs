//! The thread that talks to the network, so that a server which stalls never stops the LED.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::{io, mem, thread};

use log::warn;
use node_core::agent::Step;
use node_core::answer::Answer;

use super::inbox::{Message, Sender};
use crate::auth::{AuthClient, Reply};
use crate::clock;
use crate::files::credential::Credential;
use crate::files::state_file;
use crate::files::state_file::{Shown, State};

/// Deep enough for a TLS handshake with a long chain; only what is used of it takes memory.
const STACK: usize = 256 * 1024;

/// One validation to be made, or one knock.
#[derive(Debug)]
pub struct Job {
    /// Which.
    pub step: Step,
    /// Whom to ask.
    pub client: Arc<AuthClient>,
    /// With what.
    pub credential: Arc<Credential>,
    /// Where to remember what it shows.
    pub state_file: Arc<Path>,
}

fn remember(state_file: &Path, shown: Shown) -> io::Result<()> {
    let serial = state_file::board_serial();
    State::load(state_file).after(shown, serial.as_deref()).map_or(Ok(()), |state| state.save(state_file))
}

/// A way to the worker thread, which ends when this is dropped and its last job is done.
#[derive(Debug)]
pub struct Worker(mpsc::Sender<Job>);

impl Worker {
    /// Starts the thread; it reports to `inbox`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(inbox: Sender) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().name("network".into()).stack_size(STACK).spawn(move || {
            let mut complained = false;
            for Job { step, client, credential, state_file } in jobs {
                let Reply { answer, server_time } = match step {
                    Step::Validate => client.validate(&credential),
                    Step::Probe => client.probe(),
                };
                let accepted = matches!(answer, Answer::Valid(_));
                inbox.send(Message::Answered(answer));
                // After the answer, and here, since a card takes its time.
                let shown = Shown { accepted, server_time, wall: clock::now().wall };
                if let Err(e) = remember(&state_file, shown)
                    && !mem::replace(&mut complained, true)
                {
                    // Said once: it is no reason not to validate.
                    warn!("{} cannot be written, so nothing is remembered: {e}", state_file.display());
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Hands the job over. Nothing happens if the thread is gone; then no answer comes, which
    /// the agent notices.
    pub fn submit(&self, job: Job) {
        let _ = self.0.send(job);
    }
}
