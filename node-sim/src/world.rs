//! A world in virtual time: a board, its files, a network and a server around one agent. Carries
//! out the same actions as the device's run loop, from the same agent, with a lamp whose levels
//! can be looked at; all randomness comes from one seed, so that a run can be had again.

mod board;
mod server;
mod transcript;

use core::time::Duration;
use std::collections::BTreeMap;

use embedded_hal::digital::PinState;
use jarvis_node::agent::{Action, Actions, Agent, Answer, Event, Exit, Jitter, Outcome};
use jarvis_node::host::status::Record;
use jarvis_node::lamp::Lamp;
use jarvis_node::time::{Instant, Now, UnixTime, millis};

pub use self::board::{Board, Files};
pub use self::server::{Link, Server};
use self::transcript::{Levels, Transcript};

/// What can befall a node.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The server or the way to it changes.
    Server(fn(&mut Server)),
    /// Files on the board change.
    Files(fn(&mut Files)),
    /// The wall clock is set to this.
    WallClock(UnixTime),
    /// SIGHUP.
    Reload,
    /// The service is restarted: what is in /run stays.
    Restart,
    /// The power fails and comes back: /run is empty and the clock starts at 1970.
    PowerCut,
    /// SIGTERM.
    Stop,
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
    in_flight: Option<(Instant, Answer)>,
    to_come: BTreeMap<(Instant, usize), (String, Happening)>,
    transcript: Transcript,
    ended: bool,
}

impl World {
    /// A board that was just switched on, its clock set, before a server that accepts it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            starts: 0,
            chance: Jitter::new(seed ^ 0x5eed),
            now: Now { instant: Instant::from_millis(20_000), wall: Board::BUILT },
            agent: Agent::new(seed),
            lamp: Lamp::new(Levels::default(), PinState::High),
            board: Board::default(),
            server: Server::default(),
            in_flight: None,
            to_come: BTreeMap::new(),
            transcript: Transcript::default(),
            ended: false,
        }
    }

    /// What the board is like before it is started.
    pub fn board(&mut self) -> &mut Board {
        &mut self.board
    }

    /// What the server is like before the board is started.
    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The wall clock before the board is started.
    pub fn set_wall_clock(&mut self, to: UnixTime) {
        self.now.wall = to;
    }

    /// Has something happen `after` the start of the run, called `name` in the transcript.
    pub fn plan(&mut self, after: Duration, name: &str, happening: Happening) {
        let order = self.to_come.len();
        self.to_come.insert((self.now.instant + after, order), (name.to_owned(), happening));
    }

    /// Runs for `span` of virtual time and returns the transcript.
    pub fn run(mut self, span: Duration) -> String {
        let end = self.now.instant + span;
        self.transcript.begin(self.now.instant);
        self.start();
        loop {
            let next = self.next_moment();
            if next > end {
                break;
            }
            self.pass_until(next);
            if let Some((_, answer)) = self.in_flight.take_if(|(due, _)| *due <= next) {
                self.transcript.note(self.now.instant, &format!("answer {}", server::in_words(&answer)));
                self.tell(Event::Answered(answer));
            } else if let Some(entry) = self.to_come.first_entry().filter(|entry| entry.key().0 <= next) {
                let (name, happening) = entry.remove();
                self.transcript.note(self.now.instant, &format!("! {name}"));
                self.befall(&happening);
            } else if !self.ended && self.agent.deadline() <= next {
                self.tell(Event::DeadlineReached);
            }
        }
        self.pass_until(end);
        self.transcript.finish()
    }

    fn next_moment(&self) -> Instant {
        let answer = self.in_flight.as_ref().map(|(due, _)| *due);
        let happening = self.to_come.first_key_value().map(|((at, _), _)| *at);
        let deadline = (!self.ended).then(|| self.agent.deadline());
        let moments = [answer, happening, deadline];
        moments.into_iter().flatten().min().unwrap_or(Instant::from_millis(u64::MAX)).max(self.now.instant)
    }

    /// Lets time go by, edge by edge of the lamp while somebody looks at it.
    fn pass_until(&mut self, moment: Instant) {
        while let Some(looking_until) = self.transcript.looking_until() {
            let Ok(edge) = self.lamp.refresh(self.now.instant);
            let until = moment.min(looking_until).min(edge.unwrap_or(moment));
            self.transcript.look(self.lamp.pin().is_high(), until.since(self.now.instant));
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

    fn start(&mut self) {
        self.starts += 1;
        self.ended = false;
        self.agent = Agent::new(self.seed.wrapping_mul(31).wrapping_add(self.starts));
        let remembered = self.board.status.take().and_then(|json| {
            serde_json::from_str::<Record>(&json).ok().and_then(|record| record.remembered(Board::BOOT_ID))
        });
        self.tell(Event::Started(remembered));
    }

    fn befall(&mut self, happening: &Happening) {
        match happening {
            Happening::Server(change) => change(&mut self.server),
            Happening::Files(change) => change(&mut self.board.files),
            Happening::WallClock(to) => self.now.wall = *to,
            Happening::Reload if !self.ended => self.tell(Event::ReloadRequested),
            Happening::Stop if !self.ended => self.tell(Event::StopRequested),
            Happening::Reload | Happening::Stop => {}
            Happening::Restart => {
                if !self.ended {
                    self.tell(Event::StopRequested);
                }
                self.start();
            }
            Happening::PowerCut => {
                self.in_flight = None;
                self.board.status = None;
                self.now.wall = UnixTime(0);
                self.lamp = Lamp::new(Levels::default(), PinState::High);
                self.start();
            }
        }
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
    }

    fn act_on(&mut self, event: Event) -> Actions {
        self.agent.handle(event, self.now)
    }

    /// As `host::run` does it, in this world.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        let at = self.now.instant;
        match action {
            Action::ReadSetup => {
                let read = self.board.files.read(self.board.settings);
                match &read {
                    Ok(setup) => {
                        self.transcript.note(at, &format!("reads its files: {}", setup.claim.node_id));
                    }
                    Err(trouble) => self.transcript.note(at, &format!("reads its files: {}", trouble.reason)),
                }
                Some(Event::SetupRead(read))
            }
            Action::Validate => {
                assert!(self.in_flight.is_none(), "two calls at once");
                let (after, answer) = self.server.answer(&self.board.files, &mut self.chance);
                self.transcript.note(at, "asks the server");
                self.in_flight = Some((at + after, answer));
                None
            }
            Action::Show(outcome) => {
                let Ok(()) = self.lamp.show(outcome, at);
                self.show(outcome);
                None
            }
            Action::Publish => {
                let record = Record::of(&self.agent.report(at), Board::BOOT_ID, false);
                self.board.status = serde_json::to_string(&record).ok();
                None
            }
            Action::KeepOldSetup(trouble) => {
                self.transcript.note(at, &format!("keeps the setup before: {}", trouble.reason));
                None
            }
            Action::Exit(exit) => {
                let Ok(()) = self.lamp.dark();
                self.ended = true;
                // Whoever asked is gone, and so is the thread that waits for the answer.
                self.in_flight = None;
                self.transcript.note(
                    at,
                    match exit {
                        Exit::Asked => "ends, LED dark",
                        Exit::AnswerLost => "ends: an answer was lost",
                    },
                );
                None
            }
        }
    }

    fn show(&mut self, outcome: Outcome) {
        let at = self.now.instant;
        let report = self.agent.report(at);
        let mut line = format!("= {outcome}");
        if let Some(reason) = report.reason {
            line = format!("{line}: {reason}");
        }
        if let Some(as_of) = report.as_of.filter(|as_of| *as_of < at) {
            line = format!("{line} (as of {} s ago)", millis(at.since(as_of)) / 1000);
        }
        self.transcript.outcome(at, &line);
    }
}
