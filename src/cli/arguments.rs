//! The commands with their own options, as types.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use node_core::outcome::Outcome;

use super::CliError;
use super::given::{Asked, Given, take};
use super::table;
use crate::commands::enroll::Enrolment;
use crate::commands::enroll::moving::Move;
use crate::commands::installer::Question;
use crate::commands::keygen;
use crate::commands::pair::{DEFAULT_ADDRESS, DEFAULT_MINUTES, MOST_MINUTES, Pairing};
use crate::commands::request::{Data, ServiceRequest};
use crate::commands::token::TokenRequest;
use crate::config::DEFAULT_PATH;
use crate::daemon::logging::Format;
use crate::sts::Algorithm;

/// The command and its own options.
#[derive(Debug)]
pub(super) enum Command {
    /// About one command, or all.
    Help(Option<&'static table::Command>),
    Version,
    Run {
        log_format: Format,
    },
    Check {
        json: bool,
        accept_board: bool,
    },
    Status {
        json: bool,
    },
    Diag {
        out: Option<PathBuf>,
    },
    Doctor {
        json: bool,
        fix: bool,
    },
    Led(Outcome),
    LedFind {
        stop: bool,
    },
    InstallCredential {
        card: Option<PathBuf>,
    },
    Installer(Question, PathBuf),
    Enroll(Enrolment),
    Pair(Pairing),
    FirstBoot {
        file: Option<PathBuf>,
    },
    Move(Move),
    Token(TokenRequest),
    Update,
    ConfigCheck(PathBuf),
    Request(ServiceRequest),
    Keygen {
        algorithm: Option<Algorithm>,
        show: bool,
        out: PathBuf,
    },
}

/// A command and the configuration it works with.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) command: Command,
    pub(super) config: PathBuf,
    /// Whether the configuration was named, by an option or a variable.
    pub(super) is_config_named: bool,
}

pub(super) fn parse(arguments: lexopt::Parser) -> Result<Invocation, CliError> {
    let (command, option) = match take(arguments)? {
        Asked::Help(about) => (Command::Help(about), None),
        Asked::Version => (Command::Version, None),
        Asked::Command(given) => (command(&given)?, given.config()),
    };
    let named = named_config(option, std::env::var_os("JARVIS_NODE_CONFIG"))?;
    let is_config_named = named.is_some();
    let config = named.unwrap_or_else(|| DEFAULT_PATH.into());
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

fn command(given: &Given) -> Result<Command, CliError> {
    Ok(match given.command.name {
        "run" => Command::Run { log_format: log_format(given.text("log-format")?.as_deref())? },
        "check" => Command::Check { json: given.flag("json"), accept_board: given.flag("accept-board") },
        "status" => Command::Status { json: given.flag("json") },
        "led find" => Command::LedFind { stop: given.flag("stop") },
        "doctor" => Command::Doctor { json: given.flag("json"), fix: given.flag("fix") },
        "diag" => Command::Diag { out: given.path("out") },
        "led" => {
            let name = given.operand(0);
            Command::Led(
                Outcome::from_name(name)
                    .ok_or_else(|| CliError::usage(format!("there is no outcome '{name}'")))?,
            )
        }
        "install-credential" => Command::InstallCredential { card: given.path("root") },
        "installer" => {
            let (question, file) = Question::from_words(given.operands())
                .ok_or_else(|| CliError::usage("that is a question which only systemd/install.sh has"))?;
            Command::Installer(question, file)
        }
        "enroll" => Command::Enroll(Enrolment {
            url: given.text("url")?,
            node_id: given.text("node-id")?,
            room: given.text("room")?,
            replace: given.flag("replace"),
            allow_http: given.flag("allow-http"),
            write_config: given.path("write-config"),
        }),
        "pair" => Command::Pair(pairing(given)?),
        "first-boot" => Command::FirstBoot { file: given.path("file") },
        "update" => Command::Update,
        "config check" => Command::ConfigCheck(given.operand(0).into()),
        "move" => Command::Move(Move {
            to: given.text("to")?.unwrap_or_default(),
            node_id: given.text("node-id")?,
            room: given.text("room")?,
            ca_file: given.path("ca"),
        }),
        "token" => Command::Token(TokenRequest {
            audience: given.text("audience")?.unwrap_or_default(),
            scope: given.text("scope")?,
            header: given.flag("header"),
            socket: given.path("socket"),
        }),
        "request" => Command::Request(ServiceRequest {
            method: given.operand(0).into(),
            url: given.operand(1).into(),
            audience: given.text("audience")?.unwrap_or_default(),
            scope: given.text("scope")?,
            data: given.text("data")?.map(Data::from),
            content_type: given.text("content-type")?,
            socket: given.path("socket"),
            ca_file: given.path("ca"),
        }),
        "keygen" => Command::Keygen {
            algorithm: given.text("algorithm")?.map(algorithm).transpose()?,
            show: given.flag("show"),
            out: given.path("out").unwrap_or_else(|| keygen::DEFAULT_FILE.into()),
        },
        name => return Err(CliError::new(70, format_args!("{name} is in the table of commands only"))),
    })
}

fn log_format(name: Option<&str>) -> Result<Format, CliError> {
    match name {
        None | Some("text") => Ok(Format::Text),
        Some("json") => Ok(Format::Json),
        Some(_) => Err(CliError::usage("--log-format is text or json")),
    }
}

fn algorithm(name: String) -> Result<Algorithm, CliError> {
    Algorithm::from_name(&name).ok_or_else(|| {
        CliError::usage("--algorithm is ES256, EdDSA or Ed25519 (or RS256 or PS256, for a key of yours)")
    })
}

fn pairing(given: &Given) -> Result<Pairing, CliError> {
    let listen = given.text("listen")?.map_or(Ok(DEFAULT_ADDRESS), |text| {
        text.parse().or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, DEFAULT_ADDRESS.port())))
    });
    let minutes = given.text("minutes")?.map_or(Ok(DEFAULT_MINUTES), |text| text.parse());
    let minutes = minutes.ok().filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
    let minutes = minutes.ok_or_else(|| CliError::usage(format!("--minutes is from 1 to {MOST_MINUTES}")))?;
    Ok(Pairing {
        listen: listen.map_err(|_| {
            CliError::usage("--listen is an IP address, or one with a port, as in 0.0.0.0:8080")
        })?,
        limit: Duration::from_secs(minutes * 60),
        replace: given.flag("replace"),
        allow_http: given.flag("allow-http"),
        file: given.path("if-file"),
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
                assert!(told.contains("never as arguments") && !told.contains("s3cret"), "{told}");
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
    fn every_command_of_the_table_is_parsed() {
        for command in table::COMMANDS {
            let mut words: Vec<_> = command.name.split(' ').collect();
            words.extend(command.operands.iter().map(|operand| match operand.name {
                "OUTCOME" => "valid",
                "QUESTION" => "settings",
                _ => "x",
            }));
            for option in command.options {
                words.extend([["--", option.name].concat().leak() as &str]);
                words.extend(match option.name {
                    "minutes" => Some("1"),
                    "listen" => Some("127.0.0.1"),
                    _ if option.value.is_empty() => None,
                    _ => option.value.split('|').next(),
                });
            }
            let parsed = parse(lexopt::Parser::from_args(&words));
            parsed.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
    }

    #[test]
    fn flag_with_a_value_does_not_repeat_it() {
        for given in ["--replace=s3cret", "--help=s3cret", "-h=s3cret"] {
            let told = parse(lexopt::Parser::from_args(["enroll", given])).expect_err(given).to_string();
            assert!(told.contains("takes no value") && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn option_given_twice_is_refused() {
        let given = ["enroll", "--url", "u", "--node-id", "attic-pi", "--node-id", "cellar-pi"];
        let told = parse(lexopt::Parser::from_args(given)).expect_err("twice").to_string();
        assert!(told.starts_with("--node-id is given twice"), "{told}");
    }
}
