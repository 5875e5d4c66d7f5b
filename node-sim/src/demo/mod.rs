//! The demo: a node goes through its whole life in less than a minute.

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
use server_stub::{KeyType, Options, Stub};

mod screen;
mod token_service;
mod tokens;

pub use self::screen::Screen;
use crate::node::{Display as _, LiveNode, led_in_words};

/// How long the demo waits for an outcome before it fails; the machine may be a busy one.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the LED shows each pattern before the demo goes on.
const PAUSE: Duration = Duration::from_secs(5);

/// The arguments of the demo.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct DemoArguments {
    /// A real Keycloak as the token service: started from this source tree, it needs a JDK, Maven and openssl
    #[arg(long)]
    pub keycloak: bool,
    /// The kind of the keys of the home's certificates
    #[arg(long, value_name = "p-256|p-384|rsa-2048|rsa-4096|ed25519", default_value_t)]
    pub key_type: KeyType,
}

/// The demo failed, for this reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DemoError(String);

fn context<E: fmt::Display>(what: &'static str) -> impl Fn(E) -> DemoError {
    move |e| DemoError(format!("{what}: {e}"))
}

/// Runs the demo on `screen`, with a stub server and files of its own.
///
/// # Errors
/// When the machine lacks something, or the node does not do what the demo says.
pub fn run(screen: &Screen, arguments: DemoArguments) -> Result<(), DemoError> {
    let DemoArguments { keycloak, key_type } = arguments;
    let dir = tempfile::tempdir().map_err(context("no temporary folder"))?;
    screen.add("A Jarvis node, its auth service and its LED, all on this machine.");
    let options = Options { dir: Some(dir.path().into()), key_type: Some(key_type), ..Options::default() };
    let stub = Stub::start(options).map_err(context("the stub server did not start"))?;
    screen.say(&format!(
        "The auth service listens at {}, with a certificate of its own CA ({key_type}).",
        stub.url()
    ));
    shorten_times(&dir.path().join("config.json")).map_err(context("the configuration cannot be written"))?;

    let node = LiveNode::start(dir.path().join("config.json"), screen, true)
        .map_err(context("the node did not start"))?;
    let presenter = Presenter { screen, node: &node };
    presenter.expect(
        Outcome::Starting,
        "The node has started. It asks at a random moment, so that not all nodes ask at once.",
    )?;
    presenter.expect(Outcome::Valid, "It sent its key over TLS, and the service accepts it.")?;
    presenter.pause()?;

    screen.say("Now the auth service goes down.");
    stub.go_down();
    presenter.expect(Outcome::ValidCached, "Without an answer an accepted node keeps its verdict.")?;
    presenter.pause()?;

    screen.say("The auth service comes back, and the node notices by itself.");
    stub.come_back().map_err(context("the stub server did not come back"))?;
    presenter.expect(Outcome::Valid, "It had probed the service about once a second.")?;
    presenter.pause()?;

    screen.say("The node's key is rotated on the service: the old key fails at once.");
    let (node_id, _) = stub.node();
    let new_key =
        stub.rotate_key(node_id).ok_or_else(|| DemoError("the stub does not know its own node".into()))?;
    presenter.expect(
        Outcome::NodeRejected,
        "This is a rejection. Only one answer means that: HTTP 200 with valid:false.",
    )?;
    presenter.pause()?;

    screen.say("The new credential is installed, and the node is told to reload (SIGHUP).");
    install(&dir.path().join("credential.json"), node_id, &new_key)
        .map_err(context("the credential cannot be written"))?;
    node.reload();
    presenter.expect(Outcome::Valid, "It read the file and asked at once.")?;
    presenter.pause()?;

    tokens::run(screen, &node, &stub, dir.path(), keycloak)?;

    drop(node);
    screen.say(&format!(
        "The end. The service was asked {} times. Next: README.md, \"Installing on a Pi\".",
        stub.validations()
    ));
    Ok(())
}

struct Presenter<'a> {
    screen: &'a Screen,
    node: &'a LiveNode,
}

impl Presenter<'_> {
    /// Waits for `outcome` and prints it.
    fn expect(&self, outcome: Outcome, explanation: &str) -> Result<(), DemoError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.node.news().recv_timeout(left) {
                Ok(news) if news.outcome == outcome => {
                    self.screen.say(&format!(
                        "{:<14} LED {}",
                        outcome.as_str(),
                        led_in_words(Pattern::of(outcome))
                    ));
                    self.screen.add(explanation);
                    if let Some(reason) = news.reason {
                        self.screen.add(&format!("reason: {reason}"));
                        self.screen.add(&format!("fix: {}", news.fix.unwrap_or_default()));
                    }
                    return Ok(());
                }
                // On the way to it: a new key, for example, first ends the rejection of the old one.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(DemoError(format!("the node did not reach {outcome} within {PATIENCE:?}")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(interrupted());
                }
            }
        }
    }

    /// Leaves time to look at the LED. Ends early when the demo is interrupted.
    fn pause(&self) -> Result<(), DemoError> {
        let until = Instant::now() + PAUSE;
        loop {
            match self.node.news().recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(interrupted()),
            }
        }
    }
}

/// The node ends early only after a signal.
fn interrupted() -> DemoError {
    DemoError("the demo was interrupted".into())
}

/// Shortens the node's five minutes to two seconds, so that the demo takes less than a minute.
fn shorten_times(config_file: &Path) -> std::io::Result<()> {
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(config_file)?)?;
    config["revalidate_secs"] = 2.into();
    config["start_splay_secs"] = 2.into();
    fs::write(config_file, serde_json::to_vec_pretty(&config)?)
}

/// Replaces the credential in one step, readable for its owner only, as the README asks for.
fn install(path: &Path, node_id: &str, node_key: &str) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let credential = serde_json::json!({ "node_id": node_id, "node_key": node_key });
    file.write_all(credential.to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}
