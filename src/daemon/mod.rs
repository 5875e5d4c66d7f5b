//! `jarvis-node run`: the run loop on the board, with signals, the service manager and the log.

pub mod inbox;
pub mod logging;
pub mod process;
pub mod run_loop;
pub mod systemd;
pub mod token_worker;
pub mod watch;
pub mod worker;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::PathBuf;

use log::{debug, info, warn};
use node_core::agent::{Exit, Report, Step};
use node_core::answer::Answer;
use node_core::lamp::Lamp;
use node_core::outcome::Outcome;

use crate::config::Led;
use crate::daemon::run_loop::{Node, Notice};
use crate::led_pin;
use crate::led_pin::BoardPin;
use crate::setup::Reader;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When the system lacks threads, sockets or signal handlers.
pub fn run(config_file: PathBuf) -> io::Result<Exit> {
    let (sender, inbox) = inbox::channel()?;
    sender.catch_signals(&inbox)?;
    let mut complained_of = None;
    let mut open_lamp = |led: &Led| open_lamp(led, &mut complained_of);
    let mut notify = notify;
    // The system's random numbers, by the only door the standard library has to them.
    let seed = RandomState::new().build_hasher().finish();
    let node = Node::new(seed, Reader::new(config_file), (sender, inbox), &mut open_lamp, &mut notify)?;
    systemd::ready();
    let exit = node.run();
    systemd::stopping();
    exit
}

/// The lamp on that LED. One that cannot be had is complained of once, not at every attempt.
fn open_lamp(led: &Led, complained_of: &mut Option<Led>) -> Option<Lamp<BoardPin>> {
    match led_pin::open(led) {
        Ok(lamp) => {
            *complained_of = None;
            lamp
        }
        Err(e) => {
            if complained_of.as_ref() != Some(led) {
                warn!("{e}. The node validates without it");
                *complained_of = Some(led.clone());
            }
            None
        }
    }
}

fn notify(notice: Notice<'_>) {
    match notice {
        Notice::Shown(report) => {
            systemd::status(&format!("{}: {}", report.outcome, report.outcome.words()));
            log(&report);
        }
        Notice::Known(_) => {}
        Notice::Asked(Step::Validate) => debug!("asking"),
        Notice::Asked(Step::Probe) => debug!("looking whether anybody is there"),
        Notice::Answered(Answer::Valid(_)) => debug!("answered: valid"),
        Notice::Answered(Answer::Rejected(reason)) => debug!("answered: denied, {reason}"),
        Notice::Answered(Answer::Reachable) => debug!("somebody is"),
        Notice::Answered(Answer::Inconclusive { trouble, .. }) => debug!("no answer: {}", trouble.reason),
        Notice::KeptOldSetup(trouble) => {
            warn!(
                "what was read anew cannot be used, and the one before stays in use: {}. {}",
                trouble.reason, trouble.fix
            );
        }
    }
}

fn log(report: &Report<'_>) {
    let outcome = report.outcome;
    let node = report.claim.map_or("this node", |claim| claim.node_id.as_str());
    let (reason, fix) = (report.reason.unwrap_or_default(), report.fix.unwrap_or_default());
    match outcome {
        Outcome::Starting => info!("{outcome}: {}", outcome.words()),
        Outcome::Valid => info!("{outcome}: {node} is accepted"),
        Outcome::ValidCached
        | Outcome::Network
        | Outcome::Server
        | Outcome::NodeRejected
        | Outcome::AppRejected
        | Outcome::Tls
        | Outcome::Clock
        | Outcome::Setup => warn!("{outcome}: {reason}. {fix}"),
    }
}
