//! The run loop: carries the agent's actions out in real time. The device runs it with its own
//! LED; node-sim runs the same loop with one drawn in a terminal.

use std::io;
use std::sync::Arc;

use embedded_hal::digital::OutputPin;
use log::{debug, info, warn};
use node_core::agent::{Action, Agent, Event, Exit, Report, Setup, Step};
use node_core::answer::Answer;
use node_core::lamp::Lamp;
use node_core::outcome::Outcome;
use node_core::time::Now;
use node_core::trouble::{Trouble, TroubleKind};

use super::inbox::{Inbox, Message, Sender};
use super::systemd::Heartbeat;
use super::token_worker::{TokenJob, TokenWorker};
use super::worker::{Job, Worker};
use crate::broker::{About, Broker};
use crate::clock;
use crate::config::{Indicators, Led};
use crate::files::status::Record;
use crate::files::{credential_store, status};
use crate::setup::{BrokerSetup, Loaded, Reader, TokenSource};
use crate::sts::TokenError;

/// What the loop tells whoever started it.
#[derive(Debug)]
pub enum Notice<'a> {
    /// The outcome has changed to this.
    Shown(Report<'a>),
    /// What is known has changed, if only when the server is next asked.
    Known(Report<'a>),
    /// The server is asked, or only whether it has time.
    Asked(Step),
    /// What came of that.
    Answered(&'a Answer),
    /// What was read anew cannot be used, so what was read before stays in use.
    KeptOldSetup(&'a Trouble),
}

/// Everything the loop works with.
pub struct Node<'a, P> {
    agent: Agent,
    reader: Reader,
    loaded: Option<Loaded>,
    indicators: Indicators,
    lamp: Option<Lamp<P>>,
    open_lamp: &'a mut dyn FnMut(&Led) -> Option<Lamp<P>>,
    notify: &'a mut dyn FnMut(Notice<'_>),
    clock: &'a dyn Fn() -> Now,
    worker: Worker,
    sender: Sender,
    /// Started when it is first needed: without it this program has one thread less.
    token_worker: Option<TokenWorker>,
    broker: Option<Broker>,
    /// How many tokens have been asked for. A broker asks for one at a time, so its own is the last.
    fetches: u64,
    /// Where its tokens come from.
    tokens: Option<TokenSource>,
    seed: u64,
    inbox: Inbox,
    heartbeat: Heartbeat,
    boot_id: String,
    status_file_works: bool,
}

impl<'a, P: OutputPin> Node<'a, P> {
    /// A node that has not started yet. `seed` decides its random delays; `open_lamp` gives the
    /// lamp for the LED that the configuration names, or `None`; `notify` hears of changes.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn new(
        seed: u64,
        reader: Reader,
        (sender, inbox): (Sender, Inbox),
        open_lamp: &'a mut dyn FnMut(&Led) -> Option<Lamp<P>>,
        notify: &'a mut dyn FnMut(Notice<'_>),
    ) -> io::Result<Self> {
        let indicators = Indicators::glimpse(reader.config_file());
        Ok(Self {
            agent: Agent::new(seed),
            lamp: open_lamp(&indicators.led),
            reader,
            loaded: None,
            indicators,
            open_lamp,
            notify,
            clock: &clock::now,
            worker: Worker::start(sender.clone())?,
            sender,
            token_worker: None,
            broker: None,
            fetches: 0,
            tokens: None,
            seed,
            inbox,
            heartbeat: Heartbeat::from_environment(clock::instant()),
            boot_id: status::boot_id(),
            status_file_works: true,
        })
    }

    /// The same, told the time by `clock`. Its instants must be those of [`clock::instant`], by which the
    /// system wakes; the wall clock may be anything.
    #[must_use]
    pub fn by_clock(self, clock: &'a dyn Fn() -> Now) -> Self {
        Self { clock, ..self }
    }

    /// Runs until the agent ends it, and leaves the LED dark.
    ///
    /// # Errors
    /// When the system cannot wait any more.
    pub fn run(mut self) -> io::Result<Exit> {
        let remembered = Record::load(&self.indicators.status_file)
            .ok()
            .and_then(|record| record.remembered(&self.boot_id));
        let mut event = Some(Event::Started(remembered));
        loop {
            let now = (self.clock)();
            while let Some(happened) = event.take() {
                for action in self.agent.handle(happened, now) {
                    match self.carry_out(action, now) {
                        Done::Nothing => {}
                        Done::Happened(next) => event = Some(next),
                        Done::Ended(exit) => return Ok(self.end(exit, now)),
                    }
                }
            }
            event = match self.inbox.try_next() {
                Some(Message::Answered(answer)) => {
                    (self.notify)(Notice::Answered(&answer));
                    Some(Event::Answered(answer))
                }
                Some(Message::TokenFetched { wanted, result, number }) => {
                    // A broker that is gone may have asked for the same thing elsewhere.
                    if let Some(broker) = &mut self.broker
                        && number == self.fetches
                    {
                        broker.fetched(&wanted, result, now.instant);
                    }
                    None
                }
                Some(Message::Reload) => {
                    if let Some(broker) = &mut self.broker {
                        // What is asked for after a mend at the STS, too, of which no file here tells.
                        broker.forgive();
                    }
                    Some(Event::ReloadRequested)
                }
                Some(Message::FileChanged) => self.has_new_credential().then_some(Event::ReloadRequested),
                Some(Message::Stop) => Some(Event::StopRequested),
                None if self.agent.deadline() <= now.instant => Some(Event::DeadlineReached),
                None => {
                    self.rest(now)?;
                    None
                }
            };
        }
    }

    /// Brings LED and watchdog up to date and waits for whatever comes first.
    fn rest(&mut self, now: Now) -> io::Result<()> {
        let edge = match self.lamp.as_mut().map(|lamp| lamp.refresh(now.instant)) {
            Some(Ok(edge)) => edge,
            Some(Err(e)) => {
                self.give_lamp_up(&e);
                None
            }
            None => None,
        };
        let beat = self.heartbeat.beat(now.instant);
        self.fetch_tokens(now);
        let tokens = self.broker.as_ref().and_then(Broker::deadline);
        let until =
            [edge, beat, tokens].into_iter().flatten().fold(self.agent.deadline(), std::cmp::Ord::min);
        let sources = self.broker.as_ref().map(Broker::sources).unwrap_or_default();
        let ready = self.inbox.wait(until.since(clock::instant()), sources)?;
        let now = (self.clock)();
        if let Some(broker) = &mut self.broker {
            let report = self.agent.report(now.instant);
            let view = || Record::of(&report, &self.boot_id, false).view(&self.boot_id, now.instant);
            broker.turn(&ready, &About { outcome: report.outcome, view: &view }, now);
        }
        Ok(())
    }

    fn fetch_tokens(&mut self, now: Now) {
        let (Some(broker), Some(source)) = (&mut self.broker, &self.tokens) else { return };
        let Some(wanted) = broker.next_request(now.instant) else { return };
        match or_make(&mut self.token_worker, || TokenWorker::start(self.sender.clone())) {
            Ok(worker) => {
                self.fetches += 1;
                let client = Arc::clone(&source.client);
                worker.submit(TokenJob { client, wanted, number: self.fetches });
            }
            Err(why) => {
                // As if it had been tried: it is tried again after a delay.
                let why = format_args!("the system has no thread to ask it with: {why}");
                let trouble = Trouble::new(TroubleKind::Setup, why);
                let error = TokenError::Unanswered { grant: wanted.grant(), trouble };
                broker.fetched(&wanted, Err(error), now.instant);
            }
        }
    }

    /// Gives tokens to others, or does not, as `broker_setup` says.
    fn put_broker(&mut self, broker_setup: BrokerSetup, now: Now) {
        let Some(plan) = broker_setup.plan else {
            self.broker = None;
            return;
        };
        if let Some(tokens) = broker_setup.tokens {
            let same = self.tokens.as_ref().is_some_and(|before| Arc::ptr_eq(&before.client, &tokens.client));
            if let Some(broker) = self.broker.as_mut().filter(|_| !same) {
                broker.start_over();
            }
            if tokens.sts.from_variables && !same {
                // Where else would anybody look who wonders where they come from?
                info!("tokens come from {}, as variables of the environment say", tokens.sts.issuer);
            }
            self.tokens = Some(tokens);
        }
        match &mut self.broker {
            Some(broker) => broker.follow(plan, now.instant),
            None => self.broker = Some(Broker::new(plan, self.seed, now.instant)),
        }
    }

    fn carry_out(&mut self, action: Action, now: Now) -> Done {
        match action {
            Action::ReadSetup => Done::Happened(Event::SetupRead(self.read_setup(now))),
            Action::Validate => {
                self.submit(Step::Validate);
                Done::Nothing
            }
            Action::Probe => {
                self.submit(Step::Probe);
                Done::Nothing
            }
            Action::Show(outcome) => {
                self.light(outcome, now);
                (self.notify)(Notice::Shown(self.agent.report(now.instant)));
                Done::Nothing
            }
            Action::Publish => {
                self.publish(now, false);
                (self.notify)(Notice::Known(self.agent.report(now.instant)));
                self.reassert_light(now);
                Done::Nothing
            }
            Action::KeepOldSetup(trouble) => {
                (self.notify)(Notice::KeptOldSetup(&trouble));
                Done::Nothing
            }
            Action::Exit(exit) => Done::Ended(exit),
        }
    }

    fn submit(&mut self, step: Step) {
        // The agent asks only after a setup was read.
        if let Some(Loaded { client, credential, state_file, .. }) = &self.loaded {
            let (client, credential) = (Arc::clone(client), Arc::clone(credential));
            self.worker.submit(Job { step, client, credential, state_file: Arc::clone(state_file) });
            (self.notify)(Notice::Asked(step));
        }
    }

    fn read_setup(&mut self, now: Now) -> Result<Setup, Trouble> {
        let read = self.reader.read();
        if let Some(file) = self.reader.credential_file() {
            self.inbox.follow(file);
        }
        match self.reader.take_giving() {
            // Nothing is begun with half a setup, but what it forbids is forbidden.
            Some(broker_setup) if read.is_ok() || self.broker.is_some() => self.put_broker(broker_setup, now),
            None if self.broker.is_some() => {
                warn!("who may have which tokens is still decided by the rules from before");
            }
            Some(_) | None => {}
        }
        let loaded = read.map_err(|error| error.to_trouble())?;
        self.put_on(loaded.indicators.clone(), now);
        let setup = loaded.setup.clone();
        self.loaded = Some(loaded);
        Ok(setup)
    }

    /// Other programs may write to the same file for reasons of their own.
    fn has_new_credential(&self) -> bool {
        let (Some(file), Some(loaded)) = (self.reader.credential_file(), &self.loaded) else { return true };
        credential_store::load(file).map_or(true, |found| found.credential != *loaded.credential)
    }

    /// Another LED or status file may have been configured, and an LED that could not be had
    /// when the program was started may be there by now.
    fn put_on(&mut self, indicators: Indicators, now: Now) {
        let missed = self.lamp.is_none() && self.loaded.is_some();
        if indicators.led != self.indicators.led || missed {
            self.leave_dark();
            self.lamp = (self.open_lamp)(&indicators.led);
            self.light(self.agent.report(now.instant).outcome, now);
        }
        if indicators.status_file != self.indicators.status_file {
            self.status_file_works = true;
        }
        self.indicators = indicators;
    }

    fn light(&mut self, outcome: Outcome, now: Now) {
        if let Some(lamp) = &mut self.lamp
            && let Err(e) = lamp.show(outcome, now.instant)
        {
            self.give_lamp_up(&e);
        }
    }

    /// Where memory or sysfs leads to the LED, others can set it too: `jarvis-node led`, say.
    fn reassert_light(&mut self, now: Now) {
        if let Some(lamp) = &mut self.lamp
            && let Err(e) = lamp.reassert(now.instant)
        {
            self.give_lamp_up(&e);
        }
    }

    fn give_lamp_up(&mut self, error: &P::Error) {
        warn!("the LED cannot be set any more, and stays as it is: {error:?}");
        self.lamp = None;
    }

    fn publish(&mut self, now: Now, stopped: bool) {
        let record = Record::of(&self.agent.report(now.instant), &self.boot_id, stopped);
        match record.save(&self.indicators.status_file) {
            Ok(()) => self.status_file_works = true,
            Err(e) => {
                // Said once: it is no reason not to validate.
                if std::mem::take(&mut self.status_file_works) {
                    warn!("no status can be left at {}: {e}", self.indicators.status_file.display());
                }
            }
        }
    }

    fn leave_dark(&mut self) {
        if let Some(mut lamp) = self.lamp.take()
            && let Err(e) = lamp.dark()
        {
            debug!("the LED cannot be set dark: {e:?}");
        }
    }

    fn end(mut self, exit: Exit, now: Now) -> Exit {
        self.leave_dark();
        // Its socket goes with it.
        self.broker = None;
        self.publish(now, true);
        exit
    }
}

/// What came of an action.
enum Done {
    Nothing,
    Happened(Event),
    Ended(Exit),
}

/// What is in the `slot`; it is made if nothing is.
fn or_make<T>(slot: &mut Option<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    let there = match slot.take() {
        Some(there) => there,
        None => make()?,
    };
    Ok(slot.insert(there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_had_is_tried_for_again_and_what_is_there_is_kept() {
        let mut slot = None;
        or_make(&mut slot, || Err::<u8, _>(io::ErrorKind::WouldBlock.into())).expect_err("not to be had");
        assert_eq!(*or_make(&mut slot, || Ok(1)).expect("had by now"), 1);
        assert_eq!(*or_make(&mut slot, || Ok(2)).expect("there"), 1);
    }
}
