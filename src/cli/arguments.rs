//! Takes the arguments apart.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;
use node_core::outcome::Outcome;

use super::CliError;
use crate::commands::enroll::Enrolment;
use crate::commands::enroll::moving::Move;
use crate::commands::installer::Question;
use crate::commands::keygen;
use crate::commands::pair::{DEFAULT_ADDRESS, DEFAULT_MINUTES, MOST_MINUTES, Pairing};
use crate::commands::request::{Data, ServiceRequest};
use crate::commands::token::TokenRequest;
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
  jarvis-node install-credential [--config FILE] [--root DIR]
                                              prove the credential on standard input, store it
                                              (--root: on the card that is mounted there)
  jarvis-node enroll [--url URL] [--node-id ID] [--room ROOM] [--replace] [--allow-http]
                     [--write-config FILE] [--config FILE]
                                              find the home (or take the one at URL), register with
                                              the provisioning token on standard input (at a
                                              terminal also by log-in), store the credential that
                                              comes back, write a configuration if there is none
  jarvis-node pair [--listen ADDR] [--minutes N] [--replace] [--allow-http]
                   [--if-file FILE] [--config FILE]
                                              let the home's app on a phone enrol this node
  jarvis-node move --to URL [--node-id ID] [--room ROOM] [--ca FILE] [--config FILE]
                                              make this node one of another home, with the
                                              provisioning token on standard input
  jarvis-node keygen [--algorithm ES256|EdDSA|Ed25519] [--show] [--jwks] [--out FILE]
                                              make the key that proves this node to the STS, print
                                              its public half, a JWK set (of the key that is there:
                                              --show)
  jarvis-node token [--audience A] [--scope S] [--header] [--socket PATH] [--config FILE]
                                              a token for a service, from the running daemon; with
                                              --header as a line for `curl -H @-`
  jarvis-node request METHOD URL [--audience A] [--scope S] [--data TEXT|@FILE|@-]
                      [--content-type T] [--ca FILE] [--socket PATH] [--config FILE]
                                              call a service with such a token; the answer's body
                                              on standard output as it comes, its status on
                                              standard error
  jarvis-node update [--config FILE]          make the update that the app asked for, by
                                              update_command; its unit runs this
  jarvis-node --help | --version

Configuration: --config, else $JARVIS_NODE_CONFIG, else /etc/jarvis-node-agent/config.json.
Outcomes: starting valid valid-cached network server node-rejected app-rejected tls clock setup
--accept-board: the card was moved to this board on purpose.  --replace: the node gets a new id.
--allow-http: without TLS, which shows all keys to the network.  --write-config: the voice node's.
Exit codes of check: 0 valid, 69 network, 75 server or clock, 76 tls, 77 rejected, 78 setup;
of install-credential and enroll besides: 65 unusable input, 73 not stored, 74 answer lost;
of pair: 69 daemon runs or port taken, 75 no phone in time, 77 nobody at the board;
of token: 64 refused as asked, 69 no daemon, 75 no token now, 76 no broker, 77 not allowed;
of request: 0 for 2xx, 65 other 4xx, 75 429, 5xx and a service without the STS's key, 76 3xx (not
followed), 77 401 and 403, 69 no whole answer; besides: those of token, 65 too much data, 66 no
data, 74 not written, 78 setup;
of update: 75 not made, 78 setup; of all: 64 wrong usage, 70 a defect of this program.
request trusts --ca, else the ca_file of the configuration, else Mozilla's CAs; without a
configuration it needs --ca. A refused token is replaced, and the request repeated, once.
$JARVIS_NODE_LOG sets the log level: error, warn, info (default) or debug.
";

const NO_SECRETS: &str = "secrets come through standard input, never as arguments";

/// The command and its own options.
#[derive(Debug)]
pub(super) enum Command {
    Help,
    Version,
    Run,
    Check { json: bool, accept_board: bool },
    Status { json: bool },
    Led(Outcome),
    InstallCredential { card: Option<PathBuf> },
    Installer(Question, PathBuf),
    Enroll(Enrolment),
    Pair(Pairing),
    Move(Move),
    Token(TokenRequest),
    Update,
    Request(ServiceRequest),
    Keygen { algorithm: Option<Algorithm>, show: bool, out: PathBuf },
}

/// A command and the configuration it works with.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) command: Command,
    pub(super) config: PathBuf,
    /// Whether the configuration was named, by an option or a variable.
    pub(super) is_config_named: bool,
}

/// All words and options, before it is known whether they go together.
#[derive(Default)]
struct Options {
    words: Vec<String>,
    config: Option<PathBuf>,
    url: Option<String>,
    node_id: Option<String>,
    room: Option<String>,
    write_config: Option<PathBuf>,
    audience: Option<String>,
    scope: Option<String>,
    socket: Option<PathBuf>,
    data: Option<String>,
    content_type: Option<String>,
    ca: Option<PathBuf>,
    root: Option<PathBuf>,
    algorithm: Option<String>,
    out: Option<PathBuf>,
    listen: Option<String>,
    minutes: Option<String>,
    to: Option<String>,
    if_file: Option<PathBuf>,
    /// Names of the options without a value.
    flags: Vec<&'static str>,
}

impl Options {
    fn flag(&mut self, name: &str) -> bool {
        let before = self.flags.len();
        self.flags.retain(|flag| *flag != name);
        self.flags.len() < before
    }

    fn takes_a_secret(&self) -> bool {
        self.words.iter().any(|word| ["install-credential", "enroll", "move"].contains(&word.as_str()))
    }

    /// An option that the command has not taken goes with another command.
    fn check_nothing_left(&self) -> Result<(), CliError> {
        let values = [
            ("--url", self.url.is_some()),
            ("--node-id", self.node_id.is_some()),
            ("--room", self.room.is_some()),
            ("--write-config", self.write_config.is_some()),
            ("--audience", self.audience.is_some()),
            ("--scope", self.scope.is_some()),
            ("--socket", self.socket.is_some()),
            ("--data", self.data.is_some()),
            ("--content-type", self.content_type.is_some()),
            ("--ca", self.ca.is_some()),
            ("--root", self.root.is_some()),
            ("--algorithm", self.algorithm.is_some()),
            ("--out", self.out.is_some()),
            ("--listen", self.listen.is_some()),
            ("--minutes", self.minutes.is_some()),
            ("--to", self.to.is_some()),
            ("--if-file", self.if_file.is_some()),
        ];
        let value = values.iter().find(|(_, given)| *given).map(|(name, _)| *name);
        match self.flags.first().copied().or(value) {
            Some(name) => Err(CliError::usage(format!("{name} goes with another command"))),
            None => Ok(()),
        }
    }
}

pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Invocation, CliError> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => options.words.insert(0, "help".into()),
            Long("version") | Short('V') => options.words.insert(0, "version".into()),
            Long("config") => options.config = Some(PathBuf::from(arguments.value()?)),
            Long("url") => once("url", &mut options.url, arguments.value()?.string()?)?,
            Long("node-id") => once("node-id", &mut options.node_id, arguments.value()?.string()?)?,
            Long("room") => once("room", &mut options.room, arguments.value()?.string()?)?,
            Long("write-config") => {
                once("write-config", &mut options.write_config, PathBuf::from(arguments.value()?))?
            }
            Long("root") => once("root", &mut options.root, PathBuf::from(arguments.value()?))?,
            Long("algorithm") => once("algorithm", &mut options.algorithm, arguments.value()?.string()?)?,
            Long("out") => once("out", &mut options.out, PathBuf::from(arguments.value()?))?,
            Long("listen") => once("listen", &mut options.listen, arguments.value()?.string()?)?,
            Long("minutes") => once("minutes", &mut options.minutes, arguments.value()?.string()?)?,
            Long("to") => once("to", &mut options.to, arguments.value()?.string()?)?,
            Long("if-file") => once("if-file", &mut options.if_file, PathBuf::from(arguments.value()?))?,
            Long("audience") => once("audience", &mut options.audience, arguments.value()?.string()?)?,
            Long("scope") => once("scope", &mut options.scope, arguments.value()?.string()?)?,
            Long("socket") => once("socket", &mut options.socket, PathBuf::from(arguments.value()?))?,
            Long("data") => once("data", &mut options.data, arguments.value()?.string()?)?,
            Long("content-type") => {
                once("content-type", &mut options.content_type, arguments.value()?.string()?)?
            }
            Long("ca") => once("ca", &mut options.ca, PathBuf::from(arguments.value()?))?,
            Long("header") => options.flags.push("--header"),
            Long("show") => options.flags.push("--show"),
            Long("jwks") => options.flags.push("--jwks"),
            Long("json") => options.flags.push("--json"),
            Long("accept-board") => options.flags.push("--accept-board"),
            Long("replace") => options.flags.push("--replace"),
            Long("allow-http") => options.flags.push("--allow-http"),
            Value(word) => options.words.push(word.string()?),
            // A key may begin with a dash, so this may be one: it must not be repeated.
            Long(_) | Short(_) if options.takes_a_secret() => {
                return Err(CliError::usage(format!("there is no such option; {NO_SECRETS}")));
            }
            Long(_) | Short(_) => return Err(argument.unexpected().into()),
        }
    }
    let named = named_config(options.config.take(), std::env::var_os("JARVIS_NODE_CONFIG"))?;
    let is_config_named = named.is_some();
    let config = named.unwrap_or_else(|| DEFAULT_PATH.into());
    let command = command(&mut options)?;
    if !matches!(command, Command::Help | Command::Version) {
        options.check_nothing_left()?;
    }
    Ok(Invocation { command, config, is_config_named })
}

/// The configuration that the option or the variable names. An empty variable counts as unset, as it does to a shell's
/// `${NAME:-…}`; an empty option is a script's mistake, and another configuration would be used instead.
fn named_config(option: Option<PathBuf>, variable: Option<OsString>) -> Result<Option<PathBuf>, CliError> {
    if option.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        return Err(CliError::usage("--config is given without a file"));
    }
    Ok(option.or_else(|| variable.filter(|path| !path.is_empty()).map(PathBuf::from)))
}

/// Keeps the value of an option. Which of two was meant cannot be told, and the last may name another node.
fn once<T>(name: &str, kept: &mut Option<T>, value: T) -> Result<(), CliError> {
    match kept.replace(value) {
        Some(_) => Err(CliError::usage(format!("--{name} is given twice"))),
        None => Ok(()),
    }
}

fn command(options: &mut Options) -> Result<Command, CliError> {
    let words = std::mem::take(&mut options.words);
    let mut words = words.iter().map(String::as_str);
    let command = match words.next() {
        Some("help") => return Ok(Command::Help),
        Some("version") => return Ok(Command::Version),
        Some("run") => Command::Run,
        Some("check") => {
            Command::Check { json: options.flag("--json"), accept_board: options.flag("--accept-board") }
        }
        Some("status") => Command::Status { json: options.flag("--json") },
        Some("led") => {
            let name = words.next().ok_or_else(|| CliError::usage("led needs the name of an outcome"))?;
            Command::Led(
                Outcome::from_name(name)
                    .ok_or_else(|| CliError::usage(format!("there is no outcome '{name}'")))?,
            )
        }
        Some("install-credential") => Command::InstallCredential { card: options.root.take() },
        Some("installer") => {
            let (question, file) = Question::from_words(&mut words)
                .ok_or_else(|| CliError::usage("that is a question which only systemd/install.sh has"))?;
            Command::Installer(question, file)
        }
        Some("enroll") => Command::Enroll(Enrolment {
            url: options.url.take(),
            node_id: options.node_id.take(),
            room: options.room.take(),
            replace: options.flag("--replace"),
            allow_http: options.flag("--allow-http"),
            write_config: options.write_config.take(),
        }),
        Some("pair") => Command::Pair(pairing(options)?),
        Some("update") => Command::Update,
        Some("move") => Command::Move(Move {
            to: options.to.take().ok_or_else(|| CliError::usage("move needs --to URL of the new home"))?,
            node_id: options.node_id.take(),
            room: options.room.take(),
            ca_file: options.ca.take(),
        }),
        Some("token") => Command::Token(TokenRequest {
            audience: options.audience.take().unwrap_or_default(),
            scope: options.scope.take(),
            header: options.flag("--header"),
            socket: options.socket.take(),
        }),
        Some("request") => {
            let (Some(method), Some(url)) = (words.next(), words.next()) else {
                return Err(CliError::usage("request needs a METHOD and a URL"));
            };
            Command::Request(ServiceRequest {
                method: method.into(),
                url: url.into(),
                audience: options.audience.take().unwrap_or_default(),
                scope: options.scope.take(),
                data: options.data.take().map(Data::from),
                content_type: options.content_type.take(),
                socket: options.socket.take(),
                ca_file: options.ca.take(),
            })
        }
        Some("keygen") => {
            let known = |name: String| {
                Algorithm::from_name(&name).ok_or_else(|| {
                    CliError::usage(
                        "--algorithm is ES256, EdDSA or Ed25519 (or RS256 or PS256, for a key of yours)",
                    )
                })
            };
            // What it prints is a set anyway.
            options.flag("--jwks");
            Command::Keygen {
                algorithm: options.algorithm.take().map(known).transpose()?,
                show: options.flag("--show"),
                out: options.out.take().unwrap_or_else(|| keygen::DEFAULT_FILE.into()),
            }
        }
        Some(word) => return Err(CliError::usage(format!("there is no command '{word}'"))),
        None => {
            return Err(CliError::usage(
                "say what to do: run, check, status, led, install-credential, enroll, pair, move, keygen, token or request",
            ));
        }
    };
    match words.next() {
        // Not repeated: it may be a secret that was meant for standard input.
        Some(_)
            if matches!(
                command,
                Command::InstallCredential { .. } | Command::Enroll(_) | Command::Move(_)
            ) =>
        {
            Err(CliError::usage(NO_SECRETS))
        }
        Some(word) => Err(CliError::usage(format!("'{word}' is one word too many"))),
        None => Ok(command),
    }
}

fn pairing(options: &mut Options) -> Result<Pairing, CliError> {
    let listen = options.listen.take().map_or(Ok(DEFAULT_ADDRESS), |text| {
        text.parse().or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, DEFAULT_ADDRESS.port())))
    });
    let minutes = options.minutes.take().map_or(Ok(DEFAULT_MINUTES), |text| text.parse());
    let minutes = minutes.ok().filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
    let minutes = minutes.ok_or_else(|| CliError::usage(format!("--minutes is from 1 to {MOST_MINUTES}")))?;
    Ok(Pairing {
        listen: listen.map_err(|_| {
            CliError::usage("--listen is an IP address, or one with a port, as in 0.0.0.0:8080")
        })?,
        limit: Duration::from_secs(minutes * 60),
        replace: options.flag("--replace"),
        allow_http: options.flag("--allow-http"),
        file: options.if_file.take(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_typed_as_an_argument_is_never_repeated() {
        for command in ["install-credential", "enroll", "move"] {
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

    #[test]
    fn empty_config_is_refused_and_an_empty_variable_unset() {
        for given in [&["status", "--config="][..], &["status", "--config", ""]] {
            let told = parse(lexopt::Parser::from_args(given)).expect_err("empty").to_string();
            assert!(told.starts_with("--config is given without a file"), "{told}");
        }
        let by_variable = |value: &str| named_config(None, Some(value.into())).expect("no option");
        assert_eq!(by_variable(""), None);
        assert_eq!(by_variable("c.json"), Some("c.json".into()));
    }

    #[test]
    fn option_given_twice_is_refused() {
        let given = ["enroll", "--url", "u", "--node-id", "attic-pi", "--node-id", "cellar-pi"];
        let told = parse(lexopt::Parser::from_args(given)).expect_err("twice").to_string();
        assert!(told.starts_with("--node-id is given twice"), "{told}");
    }
}
