//! Tokens for the other programs on the board: the broker that hands them out, the STS client that fetches
//! them, and the thread that does so.

use std::io;
use std::path::Path;
use std::sync::Arc;

use log::{info, warn};
use node_core::time::{Instant, Now};
use node_core::trouble::Trouble;
use rustix::event::PollFd;

use super::inbox::{FetchedToken, Sender};
use super::token_worker::{TokenJob, TokenWorker};
use crate::broker::{About, Broker};
use crate::config::StsSource;
use crate::error::Warning;
use crate::setup::{BrokerRead, BrokerSetup, TokenSource};
use crate::sts::TokenError;
use crate::system::failure;

/// Everything about tokens that the run loop works with.
pub(super) struct Tokens {
    /// `None` while no broker is configured.
    broker: Option<Broker>,
    /// `Err` while the files of the STS could not be used yet.
    source: Result<TokenSource, Trouble>,
    /// Started when the first token is needed: without it this program has one thread less.
    worker: Option<TokenWorker>,
    sender: Sender,
    /// How many tokens have been asked for. A broker asks for one at a time, so the last one is its own.
    jobs: u64,
    seed: u64,
}

impl Tokens {
    /// No broker yet. `seed` decides its random delays; what the thread fetches is sent to `sender`.
    pub(super) fn new(seed: u64, sender: Sender) -> Self {
        let source = Err(Trouble::setup(
            format_args!("no STS is configured"),
            format_args!("Put sts into the configuration."),
        ));
        Self { broker: None, source, worker: None, sender, jobs: 0, seed }
    }

    /// Takes over what was read about the broker.
    pub(super) fn set_up(&mut self, read: BrokerRead, now: Instant) {
        match read {
            BrokerRead::Configured(setup) => self.follow(setup, now),
            BrokerRead::NotConfigured => self.broker = None,
            BrokerRead::Unreadable if self.broker.is_some() => {
                warn!("who may have which tokens is still decided by the rules from before");
            }
            BrokerRead::Unreadable => {}
        }
    }

    fn follow(&mut self, BrokerSetup { plan, source }: BrokerSetup, now: Instant) {
        // A client that works is kept until there is another: its secret may be just being replaced.
        if source.is_ok() || self.broker.is_none() || self.source.is_err() {
            self.take_source(source);
        }
        match &mut self.broker {
            Some(broker) => broker.follow(plan, now),
            None => self.broker = Some(Broker::new(plan, self.seed, now)),
        }
    }

    fn take_source(&mut self, source: Result<TokenSource, Trouble>) {
        if let Ok(source) = &source {
            let same = self.source.as_ref().is_ok_and(|before| Arc::ptr_eq(&before.client, &source.client));
            if let Some(broker) = self.broker.as_mut().filter(|_| !same) {
                broker.start_over();
            }
            // Where the configuration does not name the STS, the log has to.
            let said = match &source.sts.source {
                StsSource::Environment(_) => "variables of the environment say",
                StsSource::EnvFile(_) => "sts.env_file says",
                StsSource::Configuration(_) => "",
            };
            if !said.is_empty() && !same {
                let client = &source.client;
                let place = if client.issuer().is_empty() { client.endpoint() } else { client.issuer() };
                info!("tokens come from {place}, as {said}");
            }
        }
        self.source = source;
    }

    /// Asks the STS again for what it refused: the reload may follow a fix there, of which no file here tells.
    pub(super) fn retry_refused(&mut self) {
        if let Some(broker) = &mut self.broker {
            broker.forgive();
        }
    }

    /// Takes the result of a fetch.
    pub(super) fn fetched(&mut self, FetchedToken { wanted, result, number }: FetchedToken, now: Instant) {
        // A broker that is gone may have asked for the same thing at another STS.
        if let Some(broker) = &mut self.broker
            && number == self.jobs
        {
            broker.fetched(&wanted, result, now);
        }
    }

    /// Fetches the next token that a caller waits for.
    pub(super) fn fetch_next(&mut self, now: Instant) {
        let Some(broker) = &mut self.broker else { return };
        let Some(wanted) = broker.next_request(now) else { return };
        let sender = &self.sender;
        let source = self.source.as_ref().map_err(Clone::clone);
        let ready = source.and_then(|source| {
            let worker = get_or_try_insert(&mut self.worker, || TokenWorker::start(sender.clone()));
            worker.map(|worker| (source, worker)).map_err(|why| {
                let fix = failure::fix_shortage(&why).unwrap_or("Restart the daemon if it lasts.");
                Trouble::setup(
                    format_args!("the system has no thread to ask it with: {why}"),
                    format_args!("Wait: it is tried again. {fix}"),
                )
            })
        });
        match ready {
            Ok((source, worker)) => {
                self.jobs += 1;
                let client = Arc::clone(&source.client);
                worker.submit(TokenJob { client, wanted, number: self.jobs });
            }
            Err(trouble) => {
                // Reported as a failed request, so that it is tried again after a delay.
                let error = TokenError::Unanswered { grant: wanted.grant(), trouble };
                broker.fetched(&wanted, Err(error), now);
            }
        }
    }

    /// Where the broker's socket is, if there is to be one.
    pub(super) fn socket(&self) -> Option<&Path> {
        self.broker.as_ref().map(Broker::socket)
    }

    /// Makes the socket again if somebody has removed or closed it, and looks who may write to its folder.
    pub(super) fn look(&mut self, now: Instant) {
        if let Some(broker) = &mut self.broker {
            broker.look(now);
        }
    }

    /// What is wrong with the broker.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.broker.as_ref().map(Broker::warnings).unwrap_or_default()
    }

    /// Whether there is a broker.
    pub(super) const fn are_served(&self) -> bool {
        self.broker.is_some()
    }

    /// When there is something to do even if no socket is ready.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.broker.as_ref().and_then(Broker::deadline)
    }

    /// The broker's sockets, to wait for.
    pub(super) fn sources(&self) -> Vec<PollFd<'_>> {
        self.broker.as_ref().map(Broker::sources).unwrap_or_default()
    }

    /// Serves some of the callers that are `ready`, by their places in [`Tokens::sources`].
    pub(super) fn turn(&mut self, ready: &[usize], about: &About<'_>, now: Now) {
        if let Some(broker) = &mut self.broker {
            broker.turn(ready, about, now);
        }
    }

    /// Adds the broker's metrics.
    pub(super) fn write_metrics(&self, out: &mut String) {
        self.broker.iter().for_each(|broker| broker.write_metrics(out));
    }

    /// Hangs up on all callers and removes the socket.
    pub(super) fn close(&mut self) {
        self.broker = None;
    }
}

/// The value in `slot`, which is made first if there is none.
fn get_or_try_insert<T>(slot: &mut Option<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    let value = match slot.take() {
        Some(value) => value,
        None => make()?,
    };
    Ok(slot.insert(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_that_could_not_be_filled_is_tried_again() {
        let mut slot = None;
        get_or_try_insert(&mut slot, || Err::<u8, _>(io::ErrorKind::WouldBlock.into())).expect_err("none");
        assert_eq!(*get_or_try_insert(&mut slot, || Ok(1)).expect("made by now"), 1);
        assert_eq!(*get_or_try_insert(&mut slot, || Ok(2)).expect("still there"), 1);
    }
}
