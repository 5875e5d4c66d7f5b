//! The thread that talks to the network, so that a server which stalls never stops the LED.

use alloc::sync::Arc;
use std::io;
use std::sync::mpsc;
use std::thread;

use super::auth_client::AuthClient;
use super::inbox::{Message, Sender};
use crate::credential::Credential;

/// Deep enough for a TLS handshake with a long chain; only what is used of it takes memory.
const STACK: usize = 256 * 1024;

/// One validation to be made.
#[derive(Debug)]
pub struct Job {
    /// Whom to ask.
    pub client: Arc<AuthClient>,
    /// With what.
    pub credential: Arc<Credential>,
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
            for Job { client, credential } in jobs {
                inbox.send(Message::Answered(client.validate(&credential).answer));
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
