//! A world in virtual time: one agent with a board, its files, a network and a server. It carries out the
//! agent's actions as the device's run loop does, with a lamp whose levels can be recorded. All randomness
//! comes from one seed, so that every run can be repeated.

mod board;
mod fault;
mod history;
mod pin;
mod server;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use embedded_hal::digital::PinState;
use jarvis_node::files::state::{NodeState, Observed};
use jarvis_node::files::status::Record;
use node_core::agent::{Action, Actions, Agent, Event, Exit};
use node_core::answer::Answer;
use node_core::jitter::Jitter;
use node_core::lamp::Lamp;
use node_core::outcome::Outcome;
use node_core::time::{Instant, Now, UnixTime};

pub use self::board::{Board, Files, FilesChange, Via};
pub use self::fault::{Fault, Wrong};
pub use self::history::{Entry, EntryKind, History, Reply, clock};
use self::pin::SimulatedPin;
pub use self::server::{Server, ServerChange, Validity};

/// The service manager's delay before it restarts a program that ended by itself (`RestartSec`).
const START_AGAIN: Duration = Duration::from_secs(5);

/// An event that the world can bring about.
#[derive(Clone, Debug)]
pub enum WorldEvent {
    /// The server or the network on the way to it changes.
    Server(ServerChange),
    /// Files on the board change.
    Files(FilesChange),
    /// The wall clock is set.
    Clock(Clock),
    /// The card is moved into the board with this serial number, between two boots.
    CardMoved(String),
    /// The state on the card is deleted.
    StateDeleted,
    /// SIGHUP. The daemon does the same when its credential file changes.
    Reload,
    /// The service is restarted; /run is kept.
    Restart,
    /// The program is killed, and started again by the service manager.
    Crash,
    /// The power fails: /run is empty afterwards, and the clock starts at 1970.
    PowerOff,
    /// The power returns.
    PowerOn,
    /// The power fails and returns at once.
    PowerCut,
    /// SIGTERM.
    Stop,
}

/// Where the wall clock is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The correct time.
    Right,
    /// This far ahead of the correct time.
    Ahead(Duration),
    /// This far behind the correct time.
    Behind(Duration),
    /// The beginning of 1970, as after a boot without a clock.
    Epoch,
}

/// One node and everything around it.
pub struct World {
    seed: u64,
    starts: u64,
    chance: Jitter,
    now: Now,
    agent: Agent,
    lamp: Lamp<SimulatedPin>,
    board: Board,
    server: Server,
    /// The files as they were last read. The server is asked with these.
    loaded: Option<Files>,
    in_flight: Option<(Instant, Answer, Option<UnixTime>)>,
    planned_events: BTreeMap<(Instant, usize), (String, WorldEvent)>,
    planned: usize,
    observations: BTreeSet<Instant>,
    history: History,
    household: Option<String>,
    longest_sleep: Duration,
    ended: bool,
}

impl World {
    /// A board that was just switched on, with its clock set, and a server that accepts it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let now = Now { instant: Self::START, wall: Board::BUILT };
        let board = Board::default();
        Self {
            seed,
            starts: 0,
            chance: Jitter::new(seed ^ 0x5eed),
            now,
            agent: Agent::new(seed),
            lamp: Lamp::new(SimulatedPin::default(), PinState::High),
            history: History::new(now.instant, board.settings),
            board,
            server: Server::default(),
            loaded: None,
            in_flight: None,
            planned_events: BTreeMap::new(),
            planned: 0,
            observations: BTreeSet::new(),
            household: None,
            longest_sleep: Duration::ZERO,
            ended: false,
        }
    }

    /// How long the board takes to boot.
    const START: Instant = Instant::from_millis(20_000);

    /// The board, for changes before it starts.
    pub(crate) fn board(&mut self) -> &mut Board {
        &mut self.board
    }

    /// Changes the server before the board starts.
    pub(crate) fn change_server(&mut self, change: &ServerChange) {
        self.server.change(change, self.right_time());
    }

    /// Sets the wall clock before the board starts.
    pub(crate) fn set_clock(&mut self, to: Clock) {
        let right = self.right_time().0;
        self.now.wall = UnixTime(match to {
            Clock::Right => right,
            Clock::Ahead(by) => right.saturating_add(by.as_secs()),
            Clock::Behind(by) => right.saturating_sub(by.as_secs()),
            Clock::Epoch => 0,
        });
    }

    /// Plans an event at the time `after` from now, with this name in the transcript. Before the run, "now"
    /// is its start.
    pub fn plan(&mut self, after: Duration, name: &str, event: WorldEvent) {
        self.planned += 1;
        self.planned_events.insert((self.now.instant + after, self.planned), (name.to_owned(), event));
    }

    /// Plans an observation of the LED at the time `after` from the start, long enough to recognise any
    /// pattern.
    pub fn plan_observation(&mut self, after: Duration) {
        self.observations.insert(self.now.instant + after);
    }

    /// Runs for `span` of virtual time.
    pub fn run(mut self, span: Duration) -> History {
        let end = self.now.instant + span;
        self.history = History::new(self.now.instant, self.board.settings);
        self.start();
        loop {
            let next = self.next_moment();
            if next > end {
                break;
            }
            self.pass_until(next);
            if let Some((_, answer, server_time)) = self.in_flight.take_if(|(due, ..)| *due <= next) {
                self.remember(&answer, server_time);
                self.history.note(self.now.instant, EntryKind::Answered(Reply::from(&answer)));
                self.handle(Event::Answered(answer));
            } else if self.observations.first().is_some_and(|look| *look <= next) {
                self.observations.pop_first();
                self.history.begin_observation(self.now.instant);
            } else if let Some(entry) =
                self.planned_events.first_entry().filter(|entry| entry.key().0 <= next)
            {
                let (name, event) = entry.remove();
                self.history.note(self.now.instant, EntryKind::Happened { name, event: event.clone() });
                self.happen(event);
            } else if !self.ended && self.agent.deadline() <= next {
                self.handle(Event::DeadlineReached);
            }
        }
        self.pass_until(end);
        self.history.finish(end)
    }

    fn next_moment(&self) -> Instant {
        let answer = self.in_flight.as_ref().map(|(due, ..)| *due);
        let event = self.planned_events.first_key_value().map(|((at, _), _)| *at);
        let deadline = (!self.ended).then(|| self.agent.deadline());
        let moments = [answer, event, deadline, self.observations.first().copied()];
        moments.into_iter().flatten().min().unwrap_or(Instant::from_millis(u64::MAX)).max(self.now.instant)
    }

    /// Lets time pass. While the LED is observed, it stops at each edge.
    fn pass_until(&mut self, moment: Instant) {
        while let Some(observed_until) = self.history.observed_until(self.now.instant) {
            let Ok(edge) = self.lamp.refresh(self.now.instant);
            let until = moment.min(observed_until).min(edge.unwrap_or(moment));
            self.history.observe(self.lamp.pin().is_high(), until.since(self.now.instant));
            self.advance(until);
            if until >= moment {
                break;
            }
        }
        self.advance(moment);
        let Ok(_) = self.lamp.refresh(self.now.instant);
    }

    fn advance(&mut self, to: Instant) {
        let passed = to.since(self.now.instant);
        self.now.wall = UnixTime(self.now.wall.0 + self.board.wall_seconds(passed));
        self.now.instant = to.max(self.now.instant);
    }

    /// The time on a clock that was set right before the run.
    fn right_time(&self) -> UnixTime {
        UnixTime(Board::BUILT.0 + self.now.instant.since(Self::START).as_secs())
    }

    fn start(&mut self) {
        self.starts += 1;
        self.ended = false;
        self.loaded = None;
        self.agent = Agent::new(self.seed.wrapping_mul(31).wrapping_add(self.starts));
        let left = self.board.status.take().and_then(|record| serde_json::to_string(&record).ok());
        let remembered = left.and_then(|json| {
            serde_json::from_str::<Record>(&json)
                .ok()
                .and_then(|record| record.remembered(Board::BOOT_ID, self.now.instant))
        });
        self.history.remark(self.now.instant, EntryKind::Began);
        self.handle(Event::Started(remembered));
    }

    fn lose_power(&mut self) {
        self.in_flight = None;
        self.board.status = None;
        self.now.wall = UnixTime(0);
        self.lamp = Lamp::new(SimulatedPin::default(), PinState::High);
        self.ended = true;
    }

    fn happen(&mut self, event: WorldEvent) {
        match event {
            WorldEvent::Server(change) => self.change_server(&change),
            WorldEvent::Files(change) => self.board.files.change(&change),
            WorldEvent::Clock(to) => self.set_clock(to),
            WorldEvent::CardMoved(serial) => self.board.serial = serial,
            WorldEvent::StateDeleted => self.board.state = NodeState::default(),
            WorldEvent::Reload if !self.ended => self.handle(Event::ReloadRequested),
            WorldEvent::Stop if !self.ended => self.handle(Event::StopRequested),
            WorldEvent::Reload | WorldEvent::Stop => {}
            WorldEvent::Restart => {
                if !self.ended {
                    self.handle(Event::StopRequested);
                }
                self.start();
            }
            WorldEvent::Crash => {
                self.in_flight = None;
                self.start();
            }
            WorldEvent::PowerOff => self.lose_power(),
            WorldEvent::PowerOn => self.start(),
            WorldEvent::PowerCut => {
                self.lose_power();
                self.start();
            }
        }
    }

    /// As the device's worker does.
    fn remember(&mut self, answer: &Answer, server_time: Option<UnixTime>) {
        let accepted = matches!(answer, Answer::Valid(_));
        self.board.remember(Observed { accepted, server_time, wall: self.now.wall });
    }

    fn handle(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            for action in self.act_on(event) {
                if let Some(event) = self.carry_out(action) {
                    next = Some(event);
                }
            }
        }
        let sleep = self.agent.deadline().since(self.now.instant);
        if !self.ended && sleep > self.longest_sleep {
            self.longest_sleep = sleep;
            self.history.remark(self.now.instant, EntryKind::Sleeps(sleep));
        }
    }

    fn act_on(&mut self, event: Event) -> Actions {
        self.agent.handle(event, self.now)
    }

    /// As the device's run loop does.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        let at = self.now.instant;
        match action {
            Action::ReadSetup => {
                let read = self.board.read();
                let told = match &read {
                    Ok(setup) => {
                        self.loaded = Some(self.board.files.clone());
                        Ok((setup.claim.node_id.to_string(), setup.claim.secrets_stamp))
                    }
                    Err(trouble) => Err(trouble.reason.to_string()),
                };
                self.history.note(at, EntryKind::Read(told));
                Some(Event::SetupRead(read))
            }
            Action::Probe => {
                let (after, answer) = self.server.probe(&self.board, &mut self.chance);
                self.in_flight = Some((at + after, answer, None));
                self.history.note(at, EntryKind::Probed);
                None
            }
            Action::Validate => {
                let files = self.loaded.as_ref().unwrap_or(&self.board.files);
                let (after, answer) = self.server.answer(&self.board, files, self.now.wall, &mut self.chance);
                let heard = self.board.settings.clock_floor.is_some() && server::is_its_word(&answer);
                self.in_flight = Some((at + after, answer, heard.then(|| self.right_time())));
                self.history.note(at, EntryKind::Asked { wall: self.now.wall });
                None
            }
            Action::Show(outcome) => {
                let Ok(()) = self.lamp.show(outcome, at);
                self.show(outcome);
                None
            }
            Action::Publish => {
                self.publish();
                None
            }
            Action::KeepOldSetup(trouble) => {
                self.history.note(at, EntryKind::KeptOldSetup(trouble.reason.to_string()));
                None
            }
            Action::Exit(exit) => {
                let Ok(()) = self.lamp.dark();
                self.ended = true;
                // The program has ended, and with it the thread that waits for the answer.
                self.in_flight = None;
                self.history.note(at, EntryKind::Ended { exit, lit: self.lamp.pin().is_high() });
                if exit == Exit::AnswerLost {
                    self.plan(START_AGAIN, "the service manager starts it again", WorldEvent::Restart);
                }
                None
            }
        }
    }

    fn publish(&mut self) {
        let report = self.agent.report(self.now.instant);
        let household = report.household.and_then(|household| household.id.as_ref()).map(ToString::to_string);
        self.board.status = Some(Record::of(&report, Board::BOOT_ID, false));
        if household != self.household {
            self.household.clone_from(&household);
            self.history.remark(self.now.instant, EntryKind::Household(household));
        }
    }

    fn show(&mut self, outcome: Outcome) {
        let at = self.now.instant;
        let report = self.agent.report(at);
        let reason = report.reason.map(ToOwned::to_owned);
        let age = report.as_of.map(|as_of| at.since(as_of)).unwrap_or_default();
        self.history.note(at, EntryKind::Shown { outcome, reason, age });
    }
}
