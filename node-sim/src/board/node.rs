//! The board's node, in a process of its own so that its power can be pulled: the device's run loop with a
//! pin that reports its edges. `node-sim board` starts it as `node-sim board-node --config FILE`. The
//! messages on its standard input and output are in `message`. It ends when standard input does, so that it
//! never outlives the board.

use core::convert::Infallible;
use core::hash::{BuildHasher, Hasher};
use core::sync::atomic::{AtomicI64, Ordering};
use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use clap::Args;
use embedded_hal::digital::{ErrorType, OutputPin, PinState};
use jarvis_node::config::{Config, Led};
use jarvis_node::daemon::inbox;
use jarvis_node::daemon::inbox::{Message, Sender};
use jarvis_node::daemon::run_loop::{Node, Notice};
use jarvis_node::files::credential::{Credential, NodeKey};
use jarvis_node::files::credential_store::Locked;
use jarvis_node::setup::Reader;
use node_core::agent::{Exit, Report};
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::lamp::Lamp;
use node_core::led::Pattern;

use super::message::{Edge, Known, NodeMessage, Order, Shown, clocks, now_ms, write_to};
use crate::node::led_in_words;

/// The arguments of `node-sim board-node`.
#[derive(Args, Debug)]
pub struct NodeArguments {
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[arg(long, value_name = "FILE")]
    pin_log: Option<PathBuf>,
    /// How far the wall clock is ahead of the machine's, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 0, allow_negative_numbers = true)]
    clock_offset: i64,
}

/// Runs the node until standard input ends.
///
/// # Errors
/// When the system lacks a resource, or the node ends by itself.
pub fn run(arguments: NodeArguments) -> io::Result<()> {
    let NodeArguments { config, pin_log, clock_offset } = arguments;
    // Fails only if there is a logger already.
    let _ = log::set_logger(&Log).map(|()| log::set_max_level(log::LevelFilter::Info));
    let (sender, inbox) = inbox::channel()?;
    let offset = Arc::new(AtomicI64::new(clock_offset));
    obey(sender.clone(), Arc::clone(&offset))?;
    let pin_log = pin_log.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
    let mut open_lamp = |_: &Led| {
        // Always the one simulated pin, whatever pin the configuration names.
        let log = pin_log.as_ref().and_then(|file| file.try_clone().ok());
        Ok(Some(Lamp::new(Pin { lit: None, log }, PinState::High)))
    };
    let mut asked_at = 0;
    let mut notify = |notice: Notice<'_>| {
        let at_ms = now_ms();
        send(&match notice {
            Notice::Shown(report) => NodeMessage::Shown(shown(at_ms, &report)),
            Notice::Known(report) => NodeMessage::Known(known(&report, is_quiet(&config))),
            Notice::Asked(_) => {
                asked_at = at_ms;
                NodeMessage::Asked { at_ms }
            }
            Notice::Answered(answer) => {
                let (ok, text) = verdict(answer);
                NodeMessage::Answered { at_ms, took_ms: at_ms.saturating_sub(asked_at), ok, text }
            }
            Notice::KeptOldSetup(trouble) => {
                let text = format!("{}; the previous setup stays in use", trouble.reason);
                NodeMessage::Logged { at_ms, text }
            }
        });
    };
    let clock = || clocks(offset.load(Ordering::Relaxed));
    let seed = RandomState::new().build_hasher().finish();
    let node = Node::new(seed, Reader::new(config.clone()), (sender, inbox), &mut open_lamp, &mut notify)?;
    match node.by_clock(&clock).run()? {
        Exit::Asked => Ok(()),
        Exit::AnswerLost => Err(io::Error::other("the node's network thread is stuck")),
    }
}

/// Carries out the orders on standard input, on a thread of its own, and stops the node when the input ends.
fn obey(node: Sender, offset: Arc<AtomicI64>) -> io::Result<()> {
    thread::Builder::new().name("orders".into()).spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(Order::Reload) => node.send(Message::Reload),
                Ok(Order::Clock(secs)) => offset.store(secs, Ordering::Relaxed),
                Ok(Order::Install { file, node_id, node_key }) => {
                    send(&NodeMessage::Installed(install(&file, &node_id, &node_key).err()));
                    // Files are watched on Linux only.
                    if !cfg!(target_os = "linux") {
                        node.send(Message::Reload);
                    }
                }
                // The board is of the same build and sends nothing else.
                Err(_) => break,
            }
        }
        node.send(Message::Stop);
    })?;
    Ok(())
}

/// Replaces the credential as `jarvis-node install-credential` does, but without asking the server first: the
/// LED shows whether it is accepted.
fn install(file: &Path, node_id: &str, node_key: &str) -> Result<(), String> {
    let node_id = NodeId::parse(node_id).map_err(|e| format!("the node id {e}"))?;
    let node_key = NodeKey::parse(node_key).map_err(|e| format!("the node key {e}"))?;
    // A new file gets the owner of its folder.
    let store = Locked::lock(file, file.parent().unwrap_or(file)).map_err(|e| e.to_string())?;
    store.replace(&Credential::new(node_id, node_key)).map_err(|e| e.to_string())
}

fn shown(at_ms: u64, report: &Report<'_>) -> Shown {
    Shown {
        at_ms,
        outcome: report.outcome.to_string(),
        words: report.outcome.words().into(),
        reason: report.reason.map(Into::into),
    }
}

/// Whether the LED is dark while the node is valid.
fn is_quiet(config: &Path) -> bool {
    Config::load(config).is_ok_and(|config| config.indicators.quiet)
}

fn known(report: &Report<'_>, is_quiet: bool) -> Known {
    let pattern = if is_quiet { Pattern::quiet } else { Pattern::of };
    Known {
        outcome: Some(report.outcome.to_string()),
        words: report.outcome.words().into(),
        reason: report.reason.map(Into::into),
        fix: report.fix.as_ref().map(ToString::to_string),
        led: led_in_words(pattern(report.outcome)),
        node_id: report.claim.map(|claim| claim.node_id.to_string()),
        next_check_ms: report.next_check.map(|at| at.as_millis()),
        attempts: report.failures,
    }
}

fn verdict(answer: &Answer) -> (Option<bool>, String) {
    match answer {
        Answer::Valid(_) => (Some(true), "valid".into()),
        Answer::Rejected(reason) => (Some(false), format!("rejected: {reason}")),
        Answer::Reachable => (None, "the server is reachable".into()),
        Answer::Inconclusive { trouble, .. } => (None, trouble.reason.to_string()),
    }
}

fn send(message: &NodeMessage) {
    // If the board is gone, standard input ends and stops the node.
    let _ = write_to(&mut io::stdout().lock(), message);
}

/// The pin of the LED, which reports its edges.
struct Pin {
    lit: Option<bool>,
    /// Records every level that is set, even if it is not a change.
    log: Option<File>,
}

impl Pin {
    fn set(&mut self, lit: bool) {
        let at_ms = now_ms();
        if let Some(log) = &mut self.log {
            // The log is for tests; the LED goes on without it.
            let _ = log.write_all(format!("{at_ms} {}\n", u8::from(lit)).as_bytes());
        }
        if self.lit.replace(lit) != Some(lit) {
            send(&NodeMessage::Edge(Edge { at_ms, lit }));
        }
    }
}

impl ErrorType for Pin {
    type Error = Infallible;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set(true);
        Ok(())
    }
}

/// Passes on only the device's own log lines, since those of other crates could hold keys.
struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("jarvis_node") && metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            send(&NodeMessage::Logged { at_ms: now_ms(), text: record.args().to_string() });
        }
    }

    fn flush(&self) {}
}
