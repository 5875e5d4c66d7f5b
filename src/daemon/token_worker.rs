//! The thread that asks the STS, so that an STS which does not answer holds up neither the LED nor the node's own
//! validation.

use std::sync::{Arc, mpsc};
use std::{io, thread};

use super::inbox::{FetchedToken, Message, Sender};
use crate::sts::{StsClient, Wanted};

/// As deep as the other worker's, and for the same handshake.
const STACK: usize = 256 * 1024;

/// One token to be fetched.
#[derive(Debug)]
pub(super) struct TokenJob {
    /// The STS client to ask with.
    pub(super) client: Arc<StsClient>,
    /// The token to ask for.
    pub(super) wanted: Wanted,
    /// Tells this job from earlier ones, which may have been for another broker or another STS.
    pub(super) number: u64,
}

/// The thread's sending end. The thread ends when this is dropped and its last job is done.
#[derive(Debug)]
pub(super) struct TokenWorker(mpsc::Sender<TokenJob>);

impl TokenWorker {
    /// Starts the thread; it reports to `inbox`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(inbox: Sender) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<TokenJob>();
        thread::Builder::new().name("tokens".into()).stack_size(STACK).spawn(move || {
            for TokenJob { client, wanted, number } in jobs {
                let result = client.fetch(&wanted);
                inbox.send(Message::TokenFetched(FetchedToken { wanted, result, number }));
            }
        })?;
        Ok(Self(sender))
    }

    /// Hands the job over.
    pub(super) fn submit(&self, job: TokenJob) {
        // Cannot fail: the thread runs for as long as this sender exists.
        let _ = self.0.send(job);
    }
}
