//! The run loop: carries the agent's actions out in real time. The device runs it with its own LED, node-sim with
//! one drawn in a terminal.

use std::io;
use std::path::Path;
use std::sync::Arc;

use embedded_hal::digital::OutputPin;
use log::debug;
use node_core::agent::{Action, Agent, Event, Exit, Report, Setup, Step};
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::time::{Instant, Now};
use node_core::trouble::Trouble;

use super::inbox::{Inbox, Message, Sender};
pub use super::light::OpenLamp;
use super::light::{Light, find_file};
use super::log_sender;
use super::log_sender::LogSender;
use super::logging;
use super::metrics;
use super::metrics::{Metrics, Told};
use super::systemd::Heartbeat;
use super::tokens::Tokens;
use super::warnings::{Part, REPAIR_BETWEEN_PROBES, Warnings};
use super::worker::{Job, Worker};
use crate::broker::About;
use crate::config::{DEFAULT_STATUS_FILE, Indicators};
use crate::error::Warning;
use crate::files::status::Record;
use crate::files::{credential_store, status};
use crate::setup::{Loaded, Reader, SetupRead};
use crate::system::clock;

/// A report of the loop to the code that started it.
#[derive(Debug)]
pub enum Notice<'a> {
    /// The outcome has changed to this.
    Shown(Report<'a>),
    /// The agent's report has changed, if only in the time of the next check.
    Known(Report<'a>),
    /// A validation or a probe was started.
    Asked(Step),
    /// The result of a validation or a probe.
    Answered(&'a Answer),
    /// The new setup cannot be used for this reason, so the one before stays in use.
    KeptOldSetup(&'a Trouble),
}

/// Everything the loop works with.
pub struct Node<'a, P> {
    agent: Agent,
    reader: Reader,
    loaded: Option<Loaded>,
    indicators: Indicators,
    light: Light<'a, P>,
    notify: &'a mut dyn FnMut(Notice<'_>),
    clock: &'a dyn Fn() -> Now,
    worker: Worker,
    tokens: Tokens,
    inbox: Inbox,
    heartbeat: Heartbeat,
    boot_id: String,
    warnings: Warnings,
    metrics: Metrics,
    /// With the first report from then on, what did not work is tried again.
    repair_due: Instant,
    log_sender: LogSender,
    /// Whether the home may take lines of the log now.
    log_due: bool,
}

impl<'a, P: OutputPin> Node<'a, P> {
    /// A node that has not started yet. `seed` decides its random delays; `open_lamp` opens the LED that the
    /// configuration names; `notify` is called at every change.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn new(
        seed: u64,
        reader: Reader,
        (sender, inbox): (Sender, Inbox),
        open_lamp: &'a mut dyn OpenLamp<P>,
        notify: &'a mut dyn FnMut(Notice<'_>),
    ) -> io::Result<Self> {
        let indicators = Indicators::load_lenient(reader.config_file());
        let node = Self {
            agent: Agent::new(seed),
            light: Light::new(open_lamp, &indicators),
            reader,
            loaded: None,
            indicators,
            notify,
            clock: &clock::now,
            worker: Worker::start(sender.clone())?,
            log_sender: LogSender::new(sender.clone()),
            log_due: false,
            tokens: Tokens::new(seed, sender),
            inbox,
            heartbeat: Heartbeat::from_environment(clock::instant()),
            boot_id: status::boot_id(),
            warnings: Warnings::default(),
            metrics: Metrics::new(clock::instant()),
            repair_due: Instant::default(),
        };
        node.point_to_status();
        Ok(node)
    }

    /// This node with another clock. Its instants must be those of [`clock::instant`], by which the system wakes;
    /// the wall clock may show anything.
    #[must_use]
    pub fn by_clock(self, clock: &'a dyn Fn() -> Now) -> Self {
        Self { clock, ..self }
    }

    /// Runs until the agent ends it, and leaves the LED dark.
    ///
    /// # Errors
    /// When the system cannot wait any more.
    pub fn run(mut self) -> io::Result<Exit> {
        let left = self.indicators.status_file.as_deref().and_then(|file| Record::load(file).ok());
        let remembered = left.and_then(|record| record.remembered(&self.boot_id, (self.clock)().instant));
        if remembered.is_none() {
            // Before the files are read: a person sees at once that the node has started.
            self.light.show(Outcome::Starting, (self.clock)().instant);
        }
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
                    self.metrics.answered(&answer, now.instant);
                    self.log_due = log_sender::may_be_taken(&answer);
                    (self.notify)(Notice::Answered(&answer));
                    Some(Event::Answered(answer))
                }
                Some(Message::TokenFetched(fetched)) => {
                    self.tokens.fetched(fetched, now.instant);
                    None
                }
                Some(Message::Reload) => {
                    self.tokens.retry_refused();
                    Some(Event::ReloadRequested)
                }
                Some(Message::Remembered(remembered)) => {
                    self.warnings.set(Part::StateFile, remembered.err().into_iter().collect());
                    None
                }
                Some(Message::LogSent(failed)) => {
                    // It may have begun before a reload after which nothing is sent.
                    let is_wanted = self.loaded.as_ref().is_some_and(|loaded| loaded.client.sends_log());
                    self.warnings.set(Part::SentLog, failed.into_iter().filter(|_| is_wanted).collect());
                    None
                }
                Some(Message::FollowedUp(warnings)) => {
                    self.warnings.set(Part::Heartbeat, warnings);
                    None
                }
                Some(Message::FileChanged) => {
                    self.look_for_find(now);
                    self.tokens.look(now.instant);
                    self.has_new_files().then_some(Event::ReloadRequested)
                }
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
        let edge = self.light.refresh(now.instant);
        self.warnings.set(Part::Broker, self.tokens.warnings());
        self.warnings.set(Part::Log, logging::warnings());
        self.warnings.set(Part::Led, self.light.warning(now.instant).cloned().into_iter().collect());
        if self.warnings.take_changed() {
            self.publish(now, false);
            // The socket may be in a folder that was not there before.
            self.follow_files();
        }
        let beat = self.heartbeat.beat(now.instant);
        self.tokens.fetch_next(now.instant);
        // After the verdict was shown and logged.
        if std::mem::take(&mut self.log_due)
            && let Some(Loaded { client, credential, .. }) = &self.loaded
        {
            self.log_sender.send(Arc::clone(client), Arc::clone(credential));
        }
        let deadlines = [edge, beat, self.tokens.deadline()].into_iter().flatten();
        let until = deadlines.fold(self.agent.deadline(), std::cmp::Ord::min);
        let ready = self.inbox.wait(until.since(clock::instant()), self.tokens.sources())?;
        if !self.tokens.are_served() {
            return Ok(());
        }
        let now = (self.clock)();
        let report = self.agent.report(now.instant);
        let record = || Record::of(&report, &self.boot_id, false).with(self.warnings.all());
        let view = || record().view(&self.boot_id, now.instant);
        let (of_node, told) = (&self.metrics, || told(&report, &self.warnings, &self.light));
        let metrics = |text: &mut String| of_node.write(text, &told(), now.instant);
        let about = About { outcome: report.outcome, view: &view, metrics: &metrics };
        self.tokens.turn(&ready, &about, now);
        Ok(())
    }

    fn carry_out(&mut self, action: Action, now: Now) -> Done {
        match action {
            Action::ReadSetup => Done::Happened(Event::SetupRead(self.read_setup(now))),
            Action::Validate => {
                self.submit(Step::Validate, now);
                Done::Nothing
            }
            Action::Probe => {
                self.submit(Step::Probe, now);
                Done::Nothing
            }
            Action::Show(outcome) => {
                self.light.show(outcome, now.instant);
                (self.notify)(Notice::Shown(self.agent.report(now.instant)));
                Done::Nothing
            }
            Action::Publish => {
                self.publish(now, false);
                (self.notify)(Notice::Known(self.agent.report(now.instant)));
                self.repair(now);
                Done::Nothing
            }
            Action::KeepOldSetup(trouble) => {
                (self.notify)(Notice::KeptOldSetup(&trouble));
                let message = format!(
                    "what was read anew cannot be used, and the one before stays in use: {}",
                    trouble.reason
                );
                self.warnings.set(Part::NewSetup, vec![Warning::new("setup", message, trouble.fix.as_str())]);
                Done::Nothing
            }
            Action::Exit(exit) => Done::Ended(exit),
        }
    }

    fn submit(&mut self, step: Step, now: Now) {
        // The agent asks only after a setup was read.
        if let Some(Loaded { client, credential, state_file, .. }) = &self.loaded {
            let (client, credential) = (Arc::clone(client), Arc::clone(credential));
            self.worker.submit(Job { step, client, credential, state_file: Arc::clone(state_file) });
            if step == Step::Validate {
                self.repair_due = now.instant;
            }
            self.metrics.asked(step, now.instant);
            (self.notify)(Notice::Asked(step));
        }
    }

    fn read_setup(&mut self, now: Now) -> Result<Setup, Trouble> {
        let SetupRead { node, broker, warnings } = self.reader.read();
        self.warnings.set(Part::Setup, warnings);
        self.tokens.set_up(broker, now.instant);
        self.follow_files();
        let loaded = node.map_err(|error| error.to_trouble())?;
        self.warnings.set(Part::NewSetup, Vec::new());
        if !loaded.client.sends_log() {
            self.warnings.set(Part::SentLog, Vec::new());
        }
        logging::unsent().keep(loaded.client.sends_log());
        self.switch_to(loaded.indicators.clone(), now);
        let setup = loaded.setup.clone();
        self.loaded = Some(loaded);
        Ok(setup)
    }

    /// Watches all files that were read, in the folders that are there now. Comes before they are looked at again, so that
    /// what changes after that is told.
    fn follow_files(&mut self) {
        let mut files = self.reader.files();
        files.extend(self.tokens.socket().map(Into::into));
        files.extend(self.indicators.status_file.as_deref().map(find_file));
        self.inbox.follow(&files);
    }

    /// Whether a person wants to find the board may have changed.
    fn look_for_find(&mut self, now: Now) {
        self.follow_files();
        self.light.look_for_find(self.indicators.status_file.as_deref(), now.instant);
    }

    /// Whether there is something new to be read.
    fn has_new_files(&self) -> bool {
        let (Some(file), Some(loaded)) = (self.reader.credential_file(), &self.loaded) else { return true };
        // What could not be used may be as it was before by now.
        if self.warnings.has_any_of(Part::NewSetup) {
            return true;
        }
        // Other programs may write to the credential file without changing the credential.
        self.reader.has_new_files()
            || credential_store::load(file).map_or(true, |found| found.credential != *loaded.credential)
    }

    /// Uses other indicators if they are configured, and tries an LED again that could not be opened before.
    fn switch_to(&mut self, indicators: Indicators, now: Now) {
        self.light.switch_to(&indicators, now.instant);
        let before = std::mem::replace(&mut self.indicators, indicators);
        if before.status_file != self.indicators.status_file {
            // Where it was nobody keeps it up.
            if let Some(file) = &before.status_file {
                Record::remove(file);
            }
            self.point_to_status();
            self.publish(now, false);
        }
        if let Some(file) =
            before.metrics_file.filter(|file| Some(file) != self.indicators.metrics_file.as_ref())
        {
            metrics::remove(&file);
        }
        self.look_for_find(now);
    }

    /// Makes the status found where everybody looks for it, also while the configuration cannot be read: only under a
    /// service manager that has made that folder for this program.
    fn point_to_status(&self) {
        let common = Path::new(DEFAULT_STATUS_FILE);
        let made = std::env::var_os("RUNTIME_DIRECTORY").unwrap_or_default();
        let is_ours = std::env::split_paths(&made).any(|folder| common.parent() == Some(&folder));
        if let Some(file) = self.indicators.status_file.as_deref().filter(|file| is_ours && *file != common)
            && let Err(why) = Record::leave_link(common, file)
        {
            debug!("no link to the status can be left at {}: {why}", common.display());
        }
    }

    /// Tries again what did not work, though nothing says that it does by now.
    fn repair(&mut self, now: Now) {
        if now.instant < self.repair_due {
            return;
        }
        self.repair_due = now.instant + REPAIR_BETWEEN_PROBES;
        logging::say_lost();
        self.follow_files();
        self.tokens.look(now.instant);
        self.light.reassert(now.instant);
        if self.warnings.has_any_of(Part::Setup)
            && let Some((broker, warnings)) = self.reader.read_broker_again()
        {
            self.warnings.set(Part::Setup, warnings);
            self.tokens.set_up(broker, now.instant);
        }
    }

    fn publish(&mut self, now: Now, stopped: bool) {
        let report = self.agent.report(now.instant);
        let record = Record::of(&report, &self.boot_id, stopped);
        let record = record.started_with(self.reader.config_file()).with(self.warnings.all());
        let Indicators { status_file, metrics_file, .. } = &self.indicators;
        let failed = status_file
            .as_deref()
            .and_then(|file| record.save(file).err().map(|why| Record::unwritable(file, &why)));
        let metrics_failed = metrics_file.as_deref().filter(|_| !stopped).and_then(|file| {
            let mut text = String::new();
            self.metrics.write(&mut text, &told(&report, &self.warnings, &self.light), now.instant);
            self.tokens.write_metrics(&mut text);
            metrics::save(file, &text).err().map(|why| metrics::unwritable(file, &why))
        });
        self.warnings.set(Part::StatusFile, failed.into_iter().chain(metrics_failed).collect());
    }

    fn end(mut self, exit: Exit, now: Now) -> Exit {
        self.light.leave_dark();
        self.tokens.close();
        self.publish(now, true);
        self.indicators.metrics_file.as_deref().into_iter().for_each(metrics::remove);
        exit
    }
}

fn told<'a, P: OutputPin>(report: &'a Report<'_>, warnings: &Warnings, light: &Light<'_, P>) -> Told<'a> {
    Told { report, warnings: warnings.all(), led: light.is_usable(), finding: light.is_finding() }
}

/// The immediate result of an action.
#[expect(clippy::large_enum_variant, reason = "it is moved once and never kept")]
enum Done {
    Nothing,
    Happened(Event),
    Ended(Exit),
}
