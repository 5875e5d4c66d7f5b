//! A world in virtual time: a board, its files, a network and a server around one agent. Carries
//! out the same actions as the device's run loop, from the same agent, with a lamp whose levels
//! can be looked at; all randomness comes from one seed, so that a run can be had again.

mod board;
mod fault;
mod history;
mod pin;
mod server;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use embedded_hal::digital::PinState;
use jarvis_node::files::state_file::{Shown, State};
use jarvis_node::files::status::Record;
use node_core::agent::{Action, Actions, Agent, Event, Exit};
use node_core::answer::Answer;
use node_core::jitter::Jitter;
use node_core::lamp::Lamp;
use node_core::outcome::Outcome;
use node_core::time::{Instant, Now, UnixTime};

pub use self::board::{Board, Files, FilesChange, Via};
pub use self::fault::{Fault, Wrong};
pub use self::history::{Entry, History, Said, What, clock};
use self::pin::Levels;
pub use self::server::{Server, ServerChange, Validity};

/// How long the service manager waits before it starts a program again that ended by itself (`RestartSec`).
const START_AGAIN: Duration = Duration::from_secs(5);

/// What can befall a node.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The server or the way to it changes.
    Server(ServerChange),
    /// Files on the board change.
    Files(FilesChange),
    /// The wall clock is set.
    Clock(Clock),
    /// The card is put into the board with this serial number, between two boots.
    Moved(String),
    /// What the node remembers from boot to boot is deleted.
    Forgotten,
    /// SIGHUP; the daemon does the same when it hears of a new credential.
    Reload,
    /// The service is restarted: what is in /run stays.
    Restart,
    /// The program dies without a word and is started again.
    Crash,
    /// The power fails: /run is empty, and the clock will start at 1970.
    PowerOff,
    /// The power comes back.
    PowerOn,
    /// The power fails and comes back.
    PowerCut,
    /// SIGTERM.
    Stop,
}

/// Where the wall clock is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The right time.
    Right,
    /// So far ahead of it.
    Ahead(Duration),
    /// So far behind it.
    Behind(Duration),
    /// The beginning of 1970, as after a boot.
    Epoch,
}

/// One node and all that is around it.
pub struct World {
    seed: u64,
    starts: u64,
    chance: Jitter,
    now: Now,
    agent: Agent,
    lamp: Lamp<Levels>,
    board: Board,
    server: Server,
    /// The files as they were last read: with these the server is asked.
    loaded: Option<Files>,
    in_flight: Option<(Instant, Answer, Option<UnixTime>)>,
    to_come: BTreeMap<(Instant, usize), (String, Happening)>,
    planned: usize,
    looks: BTreeSet<Instant>,
    history: History,
    household: Option<String>,
    longest_sleep: Duration,
    ended: bool,
}

impl World {
    /// A board that was just switched on, its clock set, before a server that accepts it.
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
            lamp: Lamp::new(Levels::default(), PinState::High),
            history: History::new(now.instant, board.settings),
            board,
            server: Server::default(),
            loaded: None,
            in_flight: None,
            to_come: BTreeMap::new(),
            planned: 0,
            looks: BTreeSet::new(),
            household: None,
            longest_sleep: Duration::ZERO,
            ended: false,
        }
    }

    /// What it took to boot.
    const START: Instant = Instant::from_millis(20_000);

    /// What the board is like before it is started.
    pub fn board(&mut self) -> &mut Board {
        &mut self.board
    }

    /// What the server is like before the board is started.
    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The server changes before the board is started.
    pub fn change_server(&mut self, change: &ServerChange) {
        self.server.change(change, self.right_time());
    }

    /// The wall clock before the board is started.
    pub fn set_clock(&mut self, to: Clock) {
        let right = self.right_time().0;
        self.now.wall = UnixTime(match to {
            Clock::Right => right,
            Clock::Ahead(by) => right.saturating_add(by.as_secs()),
            Clock::Behind(by) => right.saturating_sub(by.as_secs()),
            Clock::Epoch => 0,
        });
    }

    /// Has something happen `after` now, which is the start until the run begins, called `name` in the transcript.
    pub fn plan(&mut self, after: Duration, name: &str, happening: Happening) {
        self.planned += 1;
        self.to_come.insert((self.now.instant + after, self.planned), (name.to_owned(), happening));
    }

    /// Has somebody look at the LED `after` the start of the run, for as long as any pattern takes to be told.
    pub fn plan_look(&mut self, after: Duration) {
        self.looks.insert(self.now.instant + after);
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
                self.history.note(self.now.instant, What::Answered(Said::from(&answer)));
                self.tell(Event::Answered(answer));
            } else if self.looks.first().is_some_and(|look| *look <= next) {
                self.looks.pop_first();
                self.history.begin_look(self.now.instant);
            } else if let Some(entry) = self.to_come.first_entry().filter(|entry| entry.key().0 <= next) {
                let (name, happening) = entry.remove();
                self.history.note(self.now.instant, What::Befell { name, happening: happening.clone() });
                self.befall(happening);
            } else if !self.ended && self.agent.deadline() <= next {
                self.tell(Event::DeadlineReached);
            }
        }
        self.pass_until(end);
        self.history.finish(end)
    }

    fn next_moment(&self) -> Instant {
        let answer = self.in_flight.as_ref().map(|(due, ..)| *due);
        let happening = self.to_come.first_key_value().map(|((at, _), _)| *at);
        let deadline = (!self.ended).then(|| self.agent.deadline());
        let moments = [answer, happening, deadline, self.looks.first().copied()];
        moments.into_iter().flatten().min().unwrap_or(Instant::from_millis(u64::MAX)).max(self.now.instant)
    }

    /// Lets time go by, edge by edge of the lamp while somebody looks at it.
    fn pass_until(&mut self, moment: Instant) {
        while let Some(looking_until) = self.history.looking_until(self.now.instant) {
            let Ok(edge) = self.lamp.refresh(self.now.instant);
            let until = moment.min(looking_until).min(edge.unwrap_or(moment));
            self.history.see(self.lamp.pin().is_high(), until.since(self.now.instant));
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

    /// What a clock shows that was set right before the run and never touched.
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
            serde_json::from_str::<Record>(&json).ok().and_then(|record| record.remembered(Board::BOOT_ID))
        });
        self.history.remark(self.now.instant, What::Began);
        self.tell(Event::Started(remembered));
    }

    fn lose_power(&mut self) {
        self.in_flight = None;
        self.board.status = None;
        self.now.wall = UnixTime(0);
        self.lamp = Lamp::new(Levels::default(), PinState::High);
        self.ended = true;
    }

    fn befall(&mut self, happening: Happening) {
        match happening {
            Happening::Server(change) => self.change_server(&change),
            Happening::Files(change) => self.board.files.change(&change),
            Happening::Clock(to) => self.set_clock(to),
            Happening::Moved(serial) => self.board.serial = serial,
            Happening::Forgotten => self.board.state = State::default(),
            Happening::Reload if !self.ended => self.tell(Event::ReloadRequested),
            Happening::Stop if !self.ended => self.tell(Event::StopRequested),
            Happening::Reload | Happening::Stop => {}
            Happening::Restart => {
                if !self.ended {
                    self.tell(Event::StopRequested);
                }
                self.start();
            }
            Happening::Crash => {
                self.in_flight = None;
                self.start();
            }
            Happening::PowerOff => self.lose_power(),
            Happening::PowerOn => self.start(),
            Happening::PowerCut => {
                self.lose_power();
                self.start();
            }
        }
    }

    /// As the device's worker does it.
    fn remember(&mut self, answer: &Answer, server_time: Option<UnixTime>) {
        let accepted = matches!(answer, Answer::Valid(_));
        self.board.remember(Shown { accepted, server_time, wall: self.now.wall });
    }

    fn tell(&mut self, event: Event) {
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
            self.history.remark(self.now.instant, What::Sleeps(sleep));
        }
    }

    fn act_on(&mut self, event: Event) -> Actions {
        self.agent.handle(event, self.now)
    }

    /// As `host::run` does it, in this world.
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
                self.history.note(at, What::Read(told));
                Some(Event::SetupRead(read))
            }
            Action::Probe => {
                let (after, answer) = self.server.probe(&self.board, &mut self.chance);
                self.in_flight = Some((at + after, answer, None));
                self.history.note(at, What::Probed);
                None
            }
            Action::Validate => {
                let files = self.loaded.as_ref().unwrap_or(&self.board.files);
                let (after, answer) = self.server.answer(&self.board, files, self.now.wall, &mut self.chance);
                let heard = self.board.settings.clock_floor.is_some() && server::is_its_word(&answer);
                self.in_flight = Some((at + after, answer, heard.then(|| self.right_time())));
                self.history.note(at, What::Asked { wall: self.now.wall });
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
                self.history.note(at, What::KeptOldSetup(trouble.reason.to_string()));
                None
            }
            Action::Exit(exit) => {
                let Ok(()) = self.lamp.dark();
                self.ended = true;
                // Whoever asked is gone, and so is the thread that waits for the answer.
                self.in_flight = None;
                self.history.note(at, What::Ended { exit, lit: self.lamp.pin().is_high() });
                if exit == Exit::AnswerLost {
                    self.plan(START_AGAIN, "the service manager starts it again", Happening::Restart);
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
            self.history.remark(self.now.instant, What::Household(household));
        }
    }

    fn show(&mut self, outcome: Outcome) {
        let at = self.now.instant;
        let report = self.agent.report(at);
        let reason = report.reason.map(ToOwned::to_owned);
        let age = report.as_of.map(|as_of| at.since(as_of)).unwrap_or_default();
        self.history.note(at, What::Shown { outcome, reason, age });
    }
}
