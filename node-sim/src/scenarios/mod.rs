//! Scenarios in virtual time: what happens to a node in the field, and what is expected of it. Each is a file
//! in `node-sim/scenarios`, whose `README.md` describes the format. For some of them the transcript is kept
//! in `node-sim/tests/all/scenarios/transcripts`.

use core::time::Duration;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::world::{History, World};

mod catalogue;
pub mod command;
mod expectation;
mod folded;
mod form;
mod many;
mod moment;
mod plan;
mod rules;
mod shortest;

pub use self::catalogue::{all, find};
use self::expectation::Expectation;
pub use self::expectation::Failure;
use self::form::{BoardForm, ScenarioForm};
pub use self::many::run_all;
use self::moment::Named;
pub use self::plan::Drawn;
use self::plan::Planned;
pub use self::rules::broken_rule;
pub use self::shortest::shortest;

/// A scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name: the file name without extension.
    pub name: String,
    /// Its name for `node-sim scenario run`: the name, or the path of a file that is not in the catalogue.
    pub known_by: String,
    /// A summary in a sentence.
    pub about: String,
    /// Where the scenario comes from, in a sentence.
    pub from: String,
    /// Whether a transcript is kept.
    pub has_transcript: bool,
    /// Its length in virtual time.
    pub span: Duration,
    form: ScenarioForm,
    plan: Vec<Planned>,
    expectations: Vec<Expectation>,
}

/// One run of a scenario.
#[derive(Debug)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The events that happened to the node.
    pub events: Vec<Drawn>,
    /// The record of the run.
    pub history: History,
    /// The first failure, if it did not go as expected.
    pub failure: Option<Failure>,
    named: Named,
}

/// A scenario cannot be used, for this reason.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The file cannot be read.
    #[error("{path} cannot be read: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// No scenario in the catalogue has this name.
    #[error(
        "there is no scenario '{0}'; `node-sim scenario list` prints all names, and a file ends in .json"
    )]
    Unknown(String),
    /// The file does not have the format of a scenario.
    #[error("{0} is not a valid scenario: {1}; node-sim/scenarios/README.md describes the format")]
    Malformed(String, String),
}

impl Scenario {
    /// Reads the scenario in the file at `path`.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn load(path: &Path) -> Result<Self, Invalid> {
        let text = fs::read_to_string(path).map_err(|error| Invalid::Unreadable(path.into(), error))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let file = path.display().to_string();
        Ok(Self { known_by: file.clone(), ..Self::parse(&name, &file, &text)? })
    }

    /// Reads a scenario from the text of `file`.
    ///
    /// # Errors
    /// [`Invalid::Malformed`].
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, Invalid> {
        let malformed = |why: String| Invalid::Malformed(file.to_owned(), why);
        let mut form: ScenarioForm =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
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
                "an expectation depends on the event '{name}', but no event has that name"
            )));
        }
        let ScenarioForm { about, from, transcript, lasts, .. } = &form;
        let (about, from, has_transcript, span) = (about.clone(), from.clone(), *transcript, lasts.0);
        let (name, known_by) = (name.to_owned(), name.to_owned());
        Ok(Self { name, known_by, about, from, has_transcript, span, form, plan, expectations })
    }

    /// Runs the scenario with this seed.
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

    /// The transcript of the run with this seed, with repetitions shortened.
    #[must_use]
    pub fn transcript(&self, seed: u64) -> String {
        format!("# {}\n{}", self.about, folded::folded(&self.run(seed).history.to_string()))
    }

    /// Runs the scenario with these events, which are some of its own. An expectation that depends on an
    /// event which is left out does not apply.
    fn play(&self, seed: u64, events: Vec<Drawn>, named: &Named) -> Run {
        let applicable: Vec<&Expectation> = self
            .expectations
            .iter()
            .filter(|expectation| {
                expectation.refers_to().all(|name| events.iter().any(|event| event.name == name))
            })
            .collect();
        let mut world = World::new(seed);
        self.set_up(&mut world);
        for Drawn { at, name, event } in &events {
            world.plan(*at, name, event.clone());
        }
        for look in applicable.iter().filter_map(|expectation| expectation.look(named, self.span)) {
            world.plan_observation(look);
        }
        let history = world.run(self.span);
        let failures = applicable.iter().filter_map(|expectation| expectation.check(&history, named));
        let failure = broken_rule(&history).into_iter().chain(failures).min_by_key(|failure| failure.at);
        Run { seed, events, history, failure, named: named.clone() }
    }

    fn set_up(&self, world: &mut World) {
        let BoardForm { revalidate, grace, splay, spread, timeout, via, tls, clock } = &self.form.board;
        let board = world.board();
        let settings = &mut board.settings;
        for (setting, given) in [
            (&mut settings.revalidate, revalidate),
            (&mut settings.offline_grace, grace),
            (&mut settings.start_splay, splay),
            (&mut settings.spread, spread),
            (&mut settings.request_timeout, timeout),
        ] {
            *setting = given.map_or(*setting, |given| given.0);
        }
        if *tls == Some(false) {
            settings.clock_floor = None;
        }
        board.via = via.unwrap_or(board.via);
        board.files.change(&self.form.files);
        world.change_server(&self.form.server);
        if let Some(clock) = clock {
            world.set_clock(clock.0);
        }
    }
}
