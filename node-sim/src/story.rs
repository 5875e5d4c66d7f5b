//! The front door: what a node goes through in its life, in less than a minute.

use core::fmt;
use core::time::Duration;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use node_core::led::Pattern;
use node_core::outcome::Outcome;
use server_stub::{Options, Stub};

use crate::live::LiveNode;
use crate::screen::Screen;

mod tokens;

/// How long a chapter may take before the story has failed; the machine may be a busy one.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a pattern is left on the LED to be looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why the story was not told to its end.
#[derive(Debug)]
pub struct Unfinished(String);

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Unfinished {}

fn because<E: fmt::Display>(what: &'static str) -> impl Fn(E) -> Unfinished {
    move |e| Unfinished(format!("{what}: {e}"))
}

/// Tells the story on `screen`, with a stub server and files of its own.
///
/// # Errors
/// When the machine lacks something, or the node does not do what the story says.
pub fn tell(screen: &Screen) -> Result<(), Unfinished> {
    let dir = tempfile::tempdir().map_err(because("no temporary folder"))?;
    screen.add("A Jarvis node, its auth service and its LED, all on this machine.");
    let stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() })
        .map_err(because("the stub server did not start"))?;
    screen.say(&format!("The auth service listens at {}, with a certificate of its own CA.", stub.url()));
    hurry(&dir.path().join("config.json")).map_err(because("the configuration cannot be written"))?;

    let node = LiveNode::start(dir.path().join("config.json"), screen, true)
        .map_err(because("the node did not start"))?;
    let teller = Teller { screen, node: &node };
    teller.expect(
        Outcome::Starting,
        "The node has started and asks at a random moment, not with all others.",
    )?;
    teller.expect(Outcome::Valid, "It showed its key over TLS, and the service knows it.")?;
    teller.look()?;

    screen.say("Now the auth service goes down.");
    stub.go_down();
    teller.expect(
        Outcome::ValidCached,
        "No answer takes an accepted node's rights away: it keeps its verdict.",
    )?;
    teller.look()?;

    screen.say("The auth service comes back; the node finds out by itself.");
    stub.come_back().map_err(because("the stub server did not come back"))?;
    teller.expect(Outcome::Valid, "It had looked about once a second whether anybody is there.")?;
    teller.look()?;

    screen.say("Somebody rotates the node's key on the service: the old one fails at once.");
    let (node_id, _) = stub.node();
    let new_key =
        stub.rotate_key(node_id).ok_or_else(|| Unfinished("the stub does not know its own node".into()))?;
    teller.expect(
        Outcome::NodeRejected,
        "That is a denial, and the only thing that is: HTTP 200, valid:false.",
    )?;
    teller.look()?;

    screen.say("The new credential is put in place, and the node is told (SIGHUP).");
    install(&dir.path().join("credential.json"), node_id, &new_key)
        .map_err(because("the credential cannot be written"))?;
    node.reload();
    teller.expect(Outcome::Valid, "It read the file and asked at once.")?;
    teller.look()?;

    tokens::tell(screen, &node, &stub, dir.path())?;

    drop(node);
    screen.say(&format!(
        "The end. The service was asked {} times. Next: README.md, \"Installing on a Pi\".",
        stub.validations()
    ));
    Ok(())
}

struct Teller<'a> {
    screen: &'a Screen,
    node: &'a LiveNode,
}

impl Teller<'_> {
    /// Waits for `outcome` and tells of it.
    fn expect(&self, outcome: Outcome, because: &str) -> Result<(), Unfinished> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.node.news().recv_timeout(left) {
                Ok(news) if news.outcome == outcome => {
                    self.screen.say(&format!("{:<14} LED {}", outcome.as_str(), in_words(outcome)));
                    self.screen.add(because);
                    if let Some(reason) = news.reason {
                        self.screen.add(&format!("reason: {reason}"));
                        self.screen.add(&format!("fix: {}", news.fix.unwrap_or_default()));
                    }
                    return Ok(());
                }
                // On its way there: a new key, say, ends the denial of the old one first.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Unfinished(format!(
                        "the node did not come to {outcome} within {PATIENCE:?}"
                    )));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(interrupted());
                }
            }
        }
    }

    /// Leaves the LED to be looked at; ends early when the story is interrupted.
    fn look(&self) -> Result<(), Unfinished> {
        let until = Instant::now() + LOOK;
        loop {
            match self.node.news().recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(interrupted()),
            }
        }
    }
}

/// The node ends early only when somebody ends it.
fn interrupted() -> Unfinished {
    Unfinished("the story was interrupted".into())
}

/// What the LED shows, in words, from the pattern itself.
pub(crate) fn in_words(outcome: Outcome) -> String {
    match Pattern::of(outcome) {
        Pattern::On => "steadily on".into(),
        Pattern::Flashes { count: 1, lit_ms, pause_ms, .. } if lit_ms > pause_ms => {
            format!("on, dark {pause_ms} ms every {} s", (lit_ms + pause_ms) / 1000)
        }
        Pattern::Flashes { count: 1, lit_ms, pause_ms, .. } => {
            format!("blinks, {lit_ms} ms on, {pause_ms} ms off")
        }
        Pattern::Flashes { count, .. } => format!("{count} flashes, then a pause"),
    }
}

/// Shortens the node's five minutes to two seconds, to fit a life into half a minute.
fn hurry(config_file: &Path) -> std::io::Result<()> {
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(config_file)?)?;
    config["revalidate_secs"] = 2.into();
    config["start_splay_secs"] = 2.into();
    fs::write(config_file, serde_json::to_vec_pretty(&config)?)
}

/// Replaces the credential as a person should: whole or not at all, and for nobody else to read.
fn install(path: &Path, node_id: &str, node_key: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let credential = serde_json::json!({ "node_id": node_id, "node_key": node_key });
    file.write_all(credential.to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}
