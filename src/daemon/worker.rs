//! The thread that talks to the network, so that a server which stalls never stops the LED.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::{io, thread};

use node_core::agent::Step;
use node_core::answer::Answer;

use super::inbox::{Message, Sender};
use crate::auth::{AuthClient, Reply};
use crate::files::credential::Credential;
use crate::files::state;
use crate::files::state::{NodeState, Observed};
use crate::system::clock;

/// Deep enough for a TLS handshake with a long chain; only what is used of it takes memory.
const STACK: usize = 256 * 1024;

/// One validation or one probe to be made.
#[derive(Debug)]
pub(super) struct Job {
    /// Validation or probe.
    pub(super) step: Step,
    /// Asks the auth service.
    pub(super) client: Arc<AuthClient>,
    /// The credential to be validated.
    pub(super) credential: Arc<Credential>,
    /// Remembers what the answer shows.
    pub(super) state_file: Arc<Path>,
}

fn remember(state_file: &Path, shown: Observed) -> io::Result<()> {
    let serial = state::board_serial();
    NodeState::load(state_file).after(shown, serial.as_deref()).map_or(Ok(()), |state| state.save(state_file))
}

/// The worker thread's sending end. The thread ends when this is dropped and its last job is done.
#[derive(Debug)]
pub(super) struct Worker(mpsc::Sender<Job>);

impl Worker {
    /// Starts the thread; it reports to `inbox`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(inbox: Sender) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().name("network".into()).stack_size(STACK).spawn(move || {
            let mut works = true;
            let mut unheard = Vec::new();
            for Job { step, client, credential, state_file } in jobs {
                let Reply { answer, server_time, update } = match step {
                    Step::Validate => client.validate_alive(&credential),
                    Step::Probe => client.probe(),
                };
                let accepted = matches!(answer, Answer::Valid(_));
                inbox.send(Message::Answered(answer));
                // After the answer, and in this thread: writing to the card can take long.
                let shown = Observed { accepted, server_time, wall: clock::now().wall };
                let remembered = remember(&state_file, shown);
                if remembered.is_err() || !works {
                    works = remembered.is_ok();
                    inbox.send(Message::Remembered(
                        remembered.map_err(|why| state::unwritable(&state_file, &why)),
                    ));
                }
                // After the verdict, which does not depend on it, and in the same job: it needs no wake-up of its own.
                if accepted {
                    let now = client.follow_up(&credential, update);
                    if now != unheard {
                        unheard.clone_from(&now);
                        inbox.send(Message::FollowedUp(now));
                    }
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Hands the job over. If the thread is gone no answer comes, which the agent notices.
    pub(super) fn submit(&self, job: Job) {
        let _ = self.0.send(job);
    }
}
