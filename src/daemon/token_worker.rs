//! The thread that asks the STS: one that hangs must hold up neither the LED nor the node's own validation.

use std::sync::{Arc, mpsc};
use std::{io, thread};

use crate::daemon::inbox::{Message, Sender};
use crate::sts::client::StsClient;
use crate::sts::wanted::Wanted;

/// As deep as the other worker's, and for the same handshake.
const STACK: usize = 256 * 1024;

/// One token to be fetched.
#[derive(Debug)]
pub struct TokenJob {
    /// Who asks.
    pub client: Arc<StsClient>,
    /// For what.
    pub wanted: Wanted,
    /// Tells this job from those before it, which may have been of another broker or another STS.
    pub number: u64,
}

/// A way to the thread, which ends when this is dropped and its last job is done.
#[derive(Debug)]
pub struct TokenWorker(mpsc::Sender<TokenJob>);

impl TokenWorker {
    /// Starts the thread; it reports to `inbox`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(inbox: Sender) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<TokenJob>();
        thread::Builder::new().name("tokens".into()).stack_size(STACK).spawn(move || {
            for TokenJob { client, wanted, number } in jobs {
                let result = client.fetch(&wanted);
                inbox.send(Message::TokenFetched { wanted, result, number });
            }
        })?;
        Ok(Self(sender))
    }

    /// Hands the job over.
    pub fn submit(&self, job: TokenJob) {
        // The thread ends after this, not before.
        let _ = self.0.send(job);
    }
}
