//! Stories in virtual time: what a node meets in the field, what befalls it, and what is expected of it. Each
//! is a file in `node-sim/scenarios`, whose `README.md` says how they are written. Some have their transcript
//! in `node-sim/tests/transcripts`.

use core::fmt;
use core::time::Duration;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use node_core::agent::Settings;

use crate::world::{History, World};

pub mod command;
mod expectation;
mod folded;
mod form;
mod many;
mod moment;
mod plan;
mod rules;
mod shelf;
mod shortest;

use self::expectation::Expectation;
pub use self::expectation::Failure;
use self::form::{BoardForm, Form};
pub use self::many::run_all;
use self::moment::Named;
pub use self::plan::Drawn;
use self::plan::Planned;
pub use self::rules::broken_rule;
pub use self::shelf::{all, find};
pub use self::shortest::shortest;

/// A story.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, and its file's.
    pub name: String,
    /// What `node-sim scenario run` knows it by: its name, or the path of a file of one's own.
    pub known_by: String,
    /// What it is about.
    pub about: String,
    /// Where it comes from.
    pub from: String,
    /// Whether its transcript is kept.
    pub has_transcript: bool,
    /// How long it is, in virtual time.
    pub span: Duration,
    form: Form,
    plan: Vec<Planned>,
    expectations: Vec<Expectation>,
}

/// A story as it went with one seed.
#[derive(Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What befell the node.
    pub events: Vec<Drawn>,
    /// What came of it.
    pub history: History,
    /// What was not as it should be.
    pub failure: Option<Failure>,
    named: Named,
}

/// Why a file is no story.
#[derive(Debug)]
pub enum NoStory {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// None of those that come with the program is called that.
    Unknown(String),
    /// It is not written as stories are.
    Malformed(String, String),
}

impl fmt::Display for NoStory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Unknown(name) => {
                write!(
                    f,
                    "no story is called '{name}'; `node-sim scenario list` names all, and a file ends in .json"
                )
            }
            Self::Malformed(file, why) => {
                write!(f, "{file} is no story: {why}; node-sim/scenarios/README.md says how they are written")
            }
        }
    }
}

impl core::error::Error for NoStory {}

impl Scenario {
    /// Reads the story in the file at `path`.
    ///
    /// # Errors
    /// [`NoStory`].
    pub fn load(path: &Path) -> Result<Self, NoStory> {
        let text = fs::read_to_string(path).map_err(|error| NoStory::Unreadable(path.into(), error))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let file = path.display().to_string();
        Ok(Self { known_by: file.clone(), ..Self::parse(&name, &file, &text)? })
    }

    /// Reads the story called `name` from the text of `file`.
    ///
    /// # Errors
    /// [`NoStory::Malformed`].
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, NoStory> {
        let malformed = |why: String| NoStory::Malformed(file.to_owned(), why);
        let mut form: Form = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let events = core::mem::take(&mut form.events);
        let plan: Vec<_> =
            events.into_iter().map(Planned::of).collect::<Result<_, _>>().map_err(malformed)?;
        let expect = core::mem::take(&mut form.expect);
        let expectations: Vec<_> =
            expect.into_iter().map(Expectation::of).collect::<Result<_, _>>().map_err(malformed)?;
        let (_, named) = plan::draw(&plan, form.lasts.0, 0).map_err(malformed)?;
        let reckoned_from = expectations.iter().flat_map(Expectation::refers_to);
        if let Some(name) = reckoned_from.into_iter().find(|name| !named.contains_key(*name)) {
            return Err(malformed(format!(
                "something is expected after '{name}', but no event is called that"
            )));
        }
        let Form { about, from, transcript, lasts, .. } = &form;
        let (about, from, has_transcript, span) = (about.clone(), from.clone(), *transcript, lasts.0);
        let (name, known_by) = (name.to_owned(), name.to_owned());
        Ok(Self { name, known_by, about, from, has_transcript, span, form, plan, expectations })
    }

    /// Tells the story with this seed.
    ///
    /// # Panics
    /// When the agent does.
    #[must_use]
    pub fn run(&self, seed: u64) -> Run {
        match plan::draw(&self.plan, self.span, seed) {
            Ok((events, named)) => self.play(seed, events, &named),
            Err(why) => {
                let failure = Some(Failure { at: Duration::ZERO, sentence: why });
                Run { failure, ..self.play(seed, Vec::new(), &Named::new()) }
            }
        }
    }

    /// What is written down of it; what comes again and again is only counted.
    #[must_use]
    pub fn transcript(&self, seed: u64) -> String {
        format!("# {}\n{}", self.about, folded::folded(&self.run(seed).history.to_string()))
    }

    /// Tells the story with these events instead of its own, some of which are left out; what is expected
    /// after an event that is left out is not expected.
    fn play(&self, seed: u64, events: Vec<Drawn>, named: &Named) -> Run {
        let told: Vec<&Expectation> = self
            .expectations
            .iter()
            .filter(|expectation| {
                expectation.refers_to().all(|name| events.iter().any(|event| event.name == name))
            })
            .collect();
        let mut world = World::new(seed);
        self.set_up(&mut world);
        for Drawn { at, name, happening } in &events {
            world.plan(*at, name, happening.clone());
        }
        for look in told.iter().filter_map(|expectation| expectation.look(named, self.span)) {
            world.plan_look(look);
        }
        let history = world.run(self.span);
        let failures = told.iter().filter_map(|expectation| expectation.check(&history, named));
        let failure = broken_rule(&history).into_iter().chain(failures).min_by_key(|failure| failure.at);
        Run { seed, events, history, failure, named: named.clone() }
    }

    fn set_up(&self, world: &mut World) {
        let BoardForm { revalidate, grace, splay, timeout, via, tls, clock } = &self.form.board;
        let board = world.board();
        let Settings { revalidate: r, offline_grace: g, start_splay: s, request_timeout: t, clock_floor } =
            &mut board.settings;
        for (setting, given) in [(r, revalidate), (g, grace), (s, splay), (t, timeout)] {
            *setting = given.map_or(*setting, |given| given.0);
        }
        if *tls == Some(false) {
            *clock_floor = None;
        }
        board.via = via.unwrap_or(board.via);
        board.files.change(&self.form.files);
        world.change_server(&self.form.server);
        if let Some(clock) = clock {
            world.set_clock(clock.0);
        }
    }
}
