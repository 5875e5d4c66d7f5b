//! `jarvis-node run`: the daemon. This is what it does from start to end:
//!
//! | | step | where |
//! |---|---|---|
//! | 1 | parse the arguments | `cli::main` |
//! | 2 | set up the log | `logging::init` |
//! | 3 | forbid core dumps and debuggers, keep memory out of swap | `process` |
//! | 4 | catch signals | [`run`] |
//! | 5 | open the LED, which even an unusable configuration can name | `light` |
//! | 6 | start the network thread | [`run_loop::Node::new`] |
//! | 7 | tell the service manager that the program runs | [`run`] |
//! | 8 | load the last verdict of this boot and start the agent | [`run_loop::Node::run`] |
//! | 9 | read the setup, start or update the broker, switch to another LED | `Node::read_setup` |
//! | 10 | validate, wait, and carry out what the agent asks for | [`run_loop::Node::run`] |
//! | 11 | at the end: LED dark, broker closed, last status written | `Node::end` |
//! | 12 | tell the service manager that the program ends | [`run`] |
//!
//! Step 9 is repeated at every reload, and while the setup cannot be used.

pub mod inbox;
pub(crate) mod light;
mod log_sender;
pub(crate) mod logging;
pub(crate) mod metrics;
pub(crate) mod process;
pub mod run_loop;
mod systemd;
mod token_worker;
mod tokens;
mod warnings;
mod watch;
mod worker;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::PathBuf;

use log::{Level, debug};
use node_core::agent::{Exit, Report, Step};
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::text::Text;

use self::logging::Change;
use self::run_loop::{Node, Notice};
use crate::config::Led;
use crate::led_pin;
use crate::setup::Reader;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When the system lacks threads, sockets or signal handlers.
pub fn run(config_file: PathBuf) -> io::Result<Exit> {
    // Until the configuration says whether the home gets them.
    logging::unsent().keep(true);
    // Before all else: a signal that comes during the start is then acted on as soon as the loop runs.
    let (sender, inbox) = inbox::channel()?;
    sender.catch_signals(&inbox)?;

    let mut open_lamp = |led: &Led| led_pin::open(led).map_err(|e| e.to_warning());
    let mut notify = notify;
    // The standard library offers the system's random numbers only as the seed of its hashes.
    let seed = RandomState::new().build_hasher().finish();
    let node = Node::new(seed, Reader::new(config_file), (sender, inbox), &mut open_lamp, &mut notify)?;

    // Not only after the first verdict: without a network that may take days, and the daemon is up all the same.
    systemd::ready();
    let exit = node.run();
    systemd::stopping();
    exit
}

fn notify(notice: Notice<'_>) {
    match notice {
        Notice::Shown(report) => {
            systemd::status(&format!("{}: {}", report.outcome, report.outcome.words()));
            log(&report);
        }
        // A warning that is logged, too.
        Notice::KeptOldSetup(_) | Notice::Known(_) => {}
        Notice::Asked(Step::Validate) => debug!("asking whether this node is valid"),
        Notice::Asked(Step::Probe) => debug!("asking only whether the server answers"),
        Notice::Answered(Answer::Valid(_)) => debug!("answered: valid"),
        Notice::Answered(Answer::Rejected(reason)) => debug!("answered: rejected, {reason}"),
        Notice::Answered(Answer::Reachable) => debug!("answered: reachable"),
        Notice::Answered(Answer::Inconclusive { trouble, .. }) => debug!("no answer: {}", trouble.reason),
    }
}

fn log(report: &Report<'_>) {
    let outcome = report.outcome;
    let node = report.claim.map_or("this node", |claim| claim.node_id.as_str());
    let reason = report.reason.unwrap_or_default();
    let fix = report.fix.as_ref().map_or("", Text::as_str);
    let (level, message) = match outcome {
        Outcome::Starting => (Level::Info, format!("{outcome}: {}", outcome.words())),
        Outcome::Valid => (Level::Info, format!("{outcome}: {node} is accepted")),
        Outcome::ValidCached
        | Outcome::Network
        | Outcome::Server
        | Outcome::NodeRejected
        | Outcome::AppRejected
        | Outcome::Tls
        | Outcome::Clock
        | Outcome::Setup => (Level::Warn, format!("{outcome}: {reason}. {fix}")),
    };
    logging::log_change(level, &message, Change { outcome, reason: report.reason });
}
