//! What was asked for.

use std::path::PathBuf;

use lexopt::prelude::*;
use node_core::outcome::Outcome;

use super::Failure;
use crate::commands::enroll::Enrolment;
use crate::commands::keygen;
use crate::commands::request::{Data, Request};
use crate::config::DEFAULT_PATH;
use crate::sts::Algorithm;

pub(super) const HELP: &str = "\
Proves this node to its Jarvis auth service and shows it on an LED.

Usage:
  jarvis-node run    [--config FILE]          run as the daemon
  jarvis-node check  [--config FILE] [--json] [--accept-board]
                                              validate once; the exit code tells the outcome
  jarvis-node status [--config FILE] [--json] what the running daemon last knew
  jarvis-node led    [--config FILE] OUTCOME  show an outcome's pattern on the LED for 10 s
  jarvis-node install-credential [--config FILE]
                                              prove the credential on standard input, store it
  jarvis-node enroll --url URL --node-id ID [--room ROOM] [--replace] [--config FILE]
                                              register with the provisioning token on standard
                                              input, store the credential that comes back
  jarvis-node keygen [--algorithm ES256|EdDSA] [--show] [--out FILE]
                                              make the key that proves this node to the STS, print
                                              its public half (of the key that is there: --show)
  jarvis-node token --audience A [--scope S] [--header] [--socket PATH] [--config FILE]
                                              a token for a service, from the running daemon; with
                                              --header as a line for `curl -H @-`
  jarvis-node request METHOD URL --audience A [--scope S] [--data TEXT|@FILE|@-]
                      [--content-type T] [--ca FILE] [--socket PATH] [--config FILE]
                                              call a service with such a token; the answer's body
                                              on standard output as it comes, its status on
                                              standard error
  jarvis-node --help | --version

Configuration: --config, else $JARVIS_NODE_CONFIG, else /etc/jarvis-node/config.json.
Outcomes: starting valid valid-cached network server node-rejected app-rejected tls clock setup
--accept-board: the card was moved to this board on purpose.  --replace: the node gets a new id.
Exit codes of check: 0 valid, 69 network, 75 server or clock, 76 tls, 77 rejected, 78 setup;
of install-credential and enroll besides: 65 unusable input, 73 not stored, 74 answer lost;
of token: 64 refused as asked, 69 no daemon, 75 no token now, 76 no broker, 77 not allowed;
of request: 0 for 2xx, 65 other 4xx, 75 429 and 5xx, 76 3xx (not followed), 77 401 and 403,
69 no whole answer; besides: those of token, 65 too much data, 66 no data, 74 not written, 78 setup;
of all: 64 wrong usage, 70 a defect of this program.
request trusts --ca, else the ca_file of the configuration, else Mozilla's CAs; without a
configuration it needs --ca. A refused token is replaced, and the request repeated, once.
$JARVIS_NODE_LOG sets the log level: error, warn, info (default) or debug.
";

const NO_SECRETS: &str = "secrets come through standard input, never as arguments";

/// What is to be done.
#[derive(Debug)]
pub(super) enum Command {
    Help,
    Version,
    Run,
    Check { json: bool, accept_board: bool },
    Status { json: bool },
    Led(Outcome),
    InstallCredential,
    Enroll(Enrolment),
    Token { audience: String, scope: Option<String>, header: bool, socket: Option<PathBuf> },
    Request(Request),
    Keygen { algorithm: Algorithm, show: bool, out: PathBuf },
}

/// What is to be done, with which configuration.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) command: Command,
    pub(super) config: PathBuf,
}

/// Everything that was said, before it is known whether it goes together.
#[derive(Default)]
struct Said {
    words: std::vec::Vec<String>,
    config: Option<PathBuf>,
    url: Option<String>,
    node_id: Option<String>,
    room: Option<String>,
    audience: Option<String>,
    scope: Option<String>,
    socket: Option<PathBuf>,
    data: Option<String>,
    content_type: Option<String>,
    ca: Option<PathBuf>,
    algorithm: Option<String>,
    out: Option<PathBuf>,
    /// Names of the flags.
    flags: std::vec::Vec<&'static str>,
}

impl Said {
    fn flag(&mut self, name: &str) -> bool {
        let before = self.flags.len();
        self.flags.retain(|flag| *flag != name);
        self.flags.len() < before
    }

    fn takes_a_secret(&self) -> bool {
        self.words.iter().any(|word| word == "install-credential" || word == "enroll")
    }

    fn needed(value: Option<String>, name: &str) -> Result<String, Failure> {
        value.ok_or_else(|| Failure::usage(std::format!("enroll needs {name}")))
    }

    /// What no command has taken goes with another one.
    fn nothing_left(&self) -> Result<(), Failure> {
        let values = [
            ("--url", self.url.is_some()),
            ("--node-id", self.node_id.is_some()),
            ("--room", self.room.is_some()),
            ("--audience", self.audience.is_some()),
            ("--scope", self.scope.is_some()),
            ("--socket", self.socket.is_some()),
            ("--data", self.data.is_some()),
            ("--content-type", self.content_type.is_some()),
            ("--ca", self.ca.is_some()),
            ("--algorithm", self.algorithm.is_some()),
            ("--out", self.out.is_some()),
        ];
        let value = values.iter().find(|(_, said)| *said).map(|(name, _)| *name);
        match self.flags.first().copied().or(value) {
            Some(name) => Err(Failure::usage(std::format!("{name} goes with another command"))),
            None => Ok(()),
        }
    }
}

pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Invocation, Failure> {
    let mut said = Said::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => said.words.insert(0, "help".into()),
            Long("version") | Short('V') => said.words.insert(0, "version".into()),
            Long("config") => said.config = Some(PathBuf::from(arguments.value()?)),
            Long("url") => said.url = Some(arguments.value()?.string()?),
            Long("node-id") => said.node_id = Some(arguments.value()?.string()?),
            Long("room") => said.room = Some(arguments.value()?.string()?),
            Long("algorithm") => said.algorithm = Some(arguments.value()?.string()?),
            Long("out") => said.out = Some(PathBuf::from(arguments.value()?)),
            Long("audience") => said.audience = Some(arguments.value()?.string()?),
            Long("scope") => said.scope = Some(arguments.value()?.string()?),
            Long("socket") => said.socket = Some(PathBuf::from(arguments.value()?)),
            Long("data") => said.data = Some(arguments.value()?.string()?),
            Long("content-type") => said.content_type = Some(arguments.value()?.string()?),
            Long("ca") => said.ca = Some(PathBuf::from(arguments.value()?)),
            Long("header") => said.flags.push("--header"),
            Long("show") => said.flags.push("--show"),
            Long("json") => said.flags.push("--json"),
            Long("accept-board") => said.flags.push("--accept-board"),
            Long("replace") => said.flags.push("--replace"),
            Value(word) => said.words.push(word.string()?),
            // Keys may begin with a dash, so that it may be one, and not be repeated.
            Long(_) | Short(_) if said.takes_a_secret() => {
                return Err(Failure::usage(std::format!("there is no such option; {NO_SECRETS}")));
            }
            Long(_) | Short(_) => return Err(argument.unexpected().into()),
        }
    }
    let config = said
        .config
        .take()
        .or_else(|| std::env::var_os("JARVIS_NODE_CONFIG").map(PathBuf::from))
        .unwrap_or_else(|| DEFAULT_PATH.into());
    let command = command(&mut said)?;
    if !matches!(command, Command::Help | Command::Version) {
        said.nothing_left()?;
    }
    Ok(Invocation { command, config })
}

fn command(said: &mut Said) -> Result<Command, Failure> {
    let words = std::mem::take(&mut said.words);
    let mut words = words.iter().map(String::as_str);
    let command = match words.next() {
        Some("help") => return Ok(Command::Help),
        Some("version") => return Ok(Command::Version),
        Some("run") => Command::Run,
        Some("check") => {
            Command::Check { json: said.flag("--json"), accept_board: said.flag("--accept-board") }
        }
        Some("status") => Command::Status { json: said.flag("--json") },
        Some("led") => {
            let name = words.next().ok_or_else(|| Failure::usage("led needs the name of an outcome"))?;
            Command::Led(
                Outcome::from_name(name)
                    .ok_or_else(|| Failure::usage(std::format!("there is no outcome '{name}'")))?,
            )
        }
        Some("install-credential") => Command::InstallCredential,
        Some("enroll") => Command::Enroll(Enrolment {
            url: Said::needed(said.url.take(), "--url URL of the command center")?,
            node_id: Said::needed(said.node_id.take(), "--node-id ID")?,
            room: said.room.take(),
            replace: said.flag("--replace"),
        }),
        Some("token") => Command::Token {
            audience: said.audience.take().ok_or_else(|| Failure::usage("token needs --audience A"))?,
            scope: said.scope.take(),
            header: said.flag("--header"),
            socket: said.socket.take(),
        },
        Some("request") => {
            let (Some(method), Some(url)) = (words.next(), words.next()) else {
                return Err(Failure::usage("request needs a METHOD and a URL"));
            };
            let audience = said.audience.take();
            Command::Request(Request {
                method: method.into(),
                url: url.into(),
                audience: audience.ok_or_else(|| Failure::usage("request needs --audience A"))?,
                scope: said.scope.take(),
                data: said.data.take().map(Data::from),
                content_type: said.content_type.take(),
                socket: said.socket.take(),
                ca_file: said.ca.take(),
            })
        }
        Some("keygen") => {
            let name = said.algorithm.take();
            let algorithm = Algorithm::from_name(name.as_deref().unwrap_or("ES256"));
            Command::Keygen {
                algorithm: algorithm.ok_or_else(|| {
                    Failure::usage("--algorithm is ES256 or EdDSA (or RS256, for a key of yours)")
                })?,
                show: said.flag("--show"),
                out: said.out.take().unwrap_or_else(|| keygen::DEFAULT_FILE.into()),
            }
        }
        Some(word) => return Err(Failure::usage(std::format!("there is no command '{word}'"))),
        None => {
            return Err(Failure::usage(
                "say what to do: run, check, status, led, install-credential, enroll, keygen, token or request",
            ));
        }
    };
    match words.next() {
        // Not repeated where it may be a secret that was to come through standard input.
        Some(_) if matches!(command, Command::InstallCredential | Command::Enroll(_)) => {
            Err(Failure::usage(NO_SECRETS))
        }
        Some(word) => Err(Failure::usage(std::format!("'{word}' is one word too many"))),
        None => Ok(command),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_key_typed_as_an_argument_is_not_repeated_even_if_it_looks_like_an_option() {
        for command in ["install-credential", "enroll"] {
            for key in ["s3cret", "-s3cret", "--s3cret"] {
                for before in [["--url", "u"], ["--node-id", "n"]] {
                    let parser = lexopt::Parser::from_args([command].into_iter().chain(before).chain([key]));
                    let told = parse(parser).expect_err(key).to_string();
                    assert!(!told.contains("s3cret"), "{told}");
                }
                let told = parse(lexopt::Parser::from_args([command, "--help", "--s3cret"]));
                let told = told.expect_err(key).to_string();
                assert!(told.contains(NO_SECRETS) && !told.contains("s3cret"), "{told}");
            }
        }
    }
}
