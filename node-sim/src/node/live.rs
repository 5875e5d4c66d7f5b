//! The device's run loop on a thread of this program.

use core::hash::{BuildHasher, Hasher};
use std::collections::hash_map::RandomState;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use embedded_hal::digital::PinState;
use jarvis_node::config::Led;
use jarvis_node::daemon::inbox;
use jarvis_node::daemon::inbox::{Message, Sender};
use jarvis_node::daemon::run_loop::{Node, Notice};
use jarvis_node::setup::Reader;
use node_core::agent::Exit;
use node_core::lamp::Lamp;
use node_core::outcome::Outcome;

use super::display::{Display, DrawnLed};

/// A change of a running node.
#[derive(Debug)]
pub struct News {
    /// The outcome that the LED shows.
    pub outcome: Outcome,
    /// The reason, if there is one.
    pub reason: Option<String>,
    /// How a person can fix it.
    pub fix: Option<String>,
}

/// A running node. It stops when dropped.
pub struct LiveNode {
    sender: Sender,
    news: mpsc::Receiver<News>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl LiveNode {
    /// Starts a node with the configuration at `config_file`, and its LED on `display`. With `catch_signals`,
    /// SIGTERM, SIGINT and SIGHUP act as they do in the daemon.
    ///
    /// # Errors
    /// When the system has no thread, socket or signal handler left.
    pub fn start(config_file: PathBuf, display: &impl Display, catch_signals: bool) -> io::Result<Self> {
        let (sender, inbox) = inbox::channel()?;
        if catch_signals {
            sender.catch_signals(&inbox)?;
        }
        let (tell, news) = mpsc::channel();
        let display = display.clone();
        let of_the_loop = sender.clone();
        let thread = thread::Builder::new().name("node".into()).spawn(move || {
            let mut open_lamp = |_: &Led| Ok(Some(Lamp::new(DrawnLed(display.clone()), PinState::High)));
            let mut notify = |notice: Notice<'_>| match notice {
                Notice::Shown(report) => {
                    display.caption(&format!("{}: {}", report.outcome, report.outcome.words()));
                    let news = News {
                        outcome: report.outcome,
                        reason: report.reason.map(Into::into),
                        fix: report.fix.as_ref().map(ToString::to_string),
                    };
                    // The receiver may be gone.
                    let _ = tell.send(news);
                }
                Notice::Known(_) | Notice::Asked(_) | Notice::Answered(_) => {}
                Notice::KeptOldSetup(trouble) => {
                    display.say(&format!("{}; the previous setup stays in use", trouble.reason));
                }
            };
            let seed = RandomState::new().build_hasher().finish();
            let run =
                Node::new(seed, Reader::new(config_file), (of_the_loop, inbox), &mut open_lamp, &mut notify)
                    .and_then(Node::run);
            match run? {
                Exit::Asked => Ok(()),
                Exit::AnswerLost => Err(io::Error::other("the node's network thread is stuck")),
            }
        })?;
        Ok(Self { sender, news, thread: Some(thread) })
    }

    /// Reads the files again and asks at once, as the daemon does after SIGHUP.
    pub fn reload(&self) {
        self.sender.send(Message::Reload);
    }

    /// The node's changes, until it ends.
    #[must_use]
    pub const fn news(&self) -> &mpsc::Receiver<News> {
        &self.news
    }
}

impl Drop for LiveNode {
    fn drop(&mut self) {
        self.sender.send(Message::Stop);
        // A caller that needs the result calls `join` instead.
        let _ = self.wait();
    }
}

impl LiveNode {
    /// Waits until a signal or an error ends the node.
    ///
    /// # Errors
    /// When the node ended without being asked to.
    pub fn join(mut self) -> io::Result<()> {
        self.wait()
    }

    fn wait(&mut self) -> io::Result<()> {
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| io::Error::other("the node's thread has panicked"))??;
        }
        Ok(())
    }
}
