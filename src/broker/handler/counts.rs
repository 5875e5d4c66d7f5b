//! What the broker has done so far, as metrics.

use node_core::time::Instant;

use crate::files::exposition::{Histogram, Tally};

/// What the broker has done since it was started.
#[derive(Debug, Default)]
pub(in crate::broker) struct Counts {
    /// Answers to requests for tokens: `ok`, or the code of the refusal.
    pub(in crate::broker) answers: Tally,
    connections: Tally,
    /// What came of asking the STS: `ok`, or the code of the failure.
    fetches: Tally,
    durations: Histogram,
    fetch_began: Option<Instant>,
}

impl Counts {
    /// The STS is asked now. It is asked for one token at a time.
    pub(super) const fn fetching(&mut self, now: Instant) {
        self.fetch_began = Some(now);
    }

    /// Asking the STS has come to this.
    pub(super) fn fetched(&mut self, result: &'static str, now: Instant) {
        self.fetches.add(result);
        if let Some(began) = self.fetch_began.take() {
            self.durations.add(now.since(began));
        }
    }

    /// A caller's connection was accepted.
    pub(in crate::broker) fn accepted(&mut self) {
        self.connections.add("accepted");
    }

    /// A caller's connection was closed without an answer.
    pub(in crate::broker) fn turned_away(&mut self) {
        self.connections.add("turned_away");
    }

    /// Adds the metrics.
    pub(in crate::broker) fn write(&self, out: &mut String) {
        self.answers.write(out, "token_answers_total", "Answers to programs that asked for a token.");
        self.fetches.write(out, "sts_requests_total", "Requests to the STS.");
        self.durations.write(out, "sts_request_duration_seconds", "How long requests to the STS took.");
        self.connections.write(out, "broker_connections_total", "Connections of programs to the socket.");
    }
}
