//! Seeing whether anybody is there, before the server is asked for anything that costs it something.

use std::time::{Duration, Instant};

use node_core::trouble::Trouble;

use super::{HttpClient, left};

impl HttpClient {
    /// Asks for nothing but an answer, without a secret and for at most `patience`. Whatever the server says,
    /// and however it ends the connection, it was there and had time.
    ///
    /// # Errors
    /// Nobody is there, or nothing was said in time.
    pub(crate) fn probe(&self, patience: Duration) -> Result<(), Trouble> {
        if !self.tls.knows_time() {
            return Ok(());
        }
        let end = Instant::now() + self.timeout.min(patience);
        let asked = self.exchange(self.tls.for_calls(), end, |agent| {
            agent.get(&self.health).config().timeout_global(Some(left(end))).build().call()
        });
        match asked.map_err(|unanswered| unanswered.trouble) {
            Err(trouble) if trouble.kind.is_no_answer() => Err(trouble),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
