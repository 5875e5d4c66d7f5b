//! Sends lines of the log to the home, on a thread that lasts only as long as that takes: logs that do not answer hold up
//! neither the LED nor a validation.

use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;

use node_core::answer::Answer;
use node_core::outcome::Outcome;

use super::inbox::{Message, Sender};
use super::logging;
use crate::auth::{AuthClient, NotTaken};
use crate::files::credential::Credential;

/// As deep as the other workers', and for the same handshake.
const STACK: usize = 256 * 1024;

/// What sends the lines, once in a while.
#[derive(Debug)]
pub(super) struct LogSender {
    inbox: Sender,
    running: Option<JoinHandle<()>>,
}

impl LogSender {
    /// Sends nothing yet; reports to `inbox`.
    pub(super) const fn new(inbox: Sender) -> Self {
        Self { inbox, running: None }
    }

    /// Sends what was not sent yet, if there is any, and nothing is being sent.
    pub(super) fn send(&mut self, client: Arc<AuthClient>, credential: Arc<Credential>) {
        let is_busy = self.running.as_ref().is_some_and(|thread| !thread.is_finished());
        if is_busy || !logging::unsent().is_any() {
            return;
        }
        let inbox = self.inbox.clone();
        let send = move || inbox.send(Message::LogSent(send_all(&client, &credential).err()));
        // Without a thread the lines wait.
        self.running = thread::Builder::new().name("logs".into()).stack_size(STACK).spawn(send).ok();
    }
}

fn send_all(client: &AuthClient, credential: &Credential) -> Result<(), crate::error::Warning> {
    while let Some(batch) = { logging::unsent().take() } {
        if let Err(NotTaken { warning, later }) = client.send_log(credential, &batch.body()) {
            if later {
                logging::unsent().put_back(batch);
            }
            return Err(warning);
        }
    }
    Ok(())
}

/// Whether the home may take lines now: not if this answer has just shown that it is away or rejects the node, or comes
/// from a probe, which does not end a wait.
pub(super) fn may_be_taken(answer: &Answer) -> bool {
    match answer {
        Answer::Valid(_) => true,
        Answer::Rejected(_) | Answer::Reachable => false,
        Answer::Inconclusive { trouble, .. } => {
            matches!(trouble.kind.outcome(), Outcome::AppRejected | Outcome::Tls)
        }
    }
}
