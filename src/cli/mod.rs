//! The command line.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use node_core::agent::Exit;
use node_core::outcome::Outcome;
use zeroize::Zeroizing;

use self::arguments::{Command, HELP, Invocation};
use crate::broker::client;
use crate::commands::{check, enroll, install, keygen, request};
use crate::config::{Config, Indicators};
use crate::daemon::{inbox, logging, process};
use crate::files::status;
use crate::files::status::{Record, View};
use crate::{clock, daemon, led_pin};

mod arguments;
#[cfg(fuzzing)]
pub mod fuzzing;

/// How long `led` shows a pattern.
const SHOW_FOR: Duration = Duration::from_secs(10);

/// What ends the program early: a sentence for standard error, and an exit code by sysexits(3).
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    fn usage(message: impl fmt::Display) -> Self {
        Self { code: 64, message: std::format!("{message}; see jarvis-node --help") }
    }

    /// For the process's end.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(71, error)
    }
}

/// Does what the arguments ask for and returns the exit code.
///
/// # Errors
/// When it cannot be done at all; an outcome is not an error.
pub fn main() -> Result<u8, Failure> {
    let Invocation { command, config } = arguments::parse(lexopt::Parser::from_env())?;
    if !matches!(command, Command::Help | Command::Version) {
        logging::init().map_err(Failure::usage)?;
        process::conceal();
        process::lock_memory();
    }
    match command {
        Command::Help => print(HELP).map(|()| 0),
        Command::Version => print(concat!("jarvis-node ", env!("CARGO_PKG_VERSION"), "\n")).map(|()| 0),
        Command::Run => match daemon::run(config)? {
            Exit::Asked => Ok(0),
            Exit::AnswerLost => {
                Err(Failure::new(70, "the network thread is stuck; only a new start mends that"))
            }
        },
        Command::Check { json, accept_board } => {
            if accept_board {
                take_card_over(&config)?;
            }
            let (outcome, view) = check::check(config);
            tell(&view, json)?;
            Ok(outcome.exit_code())
        }
        Command::Status { json } => tell_status(config, json),
        Command::Led(outcome) => show(outcome, config),
        Command::Enroll(enrolment) => {
            match enroll::enroll(&config, &enrolment, asked_for("the provisioning token, then Enter")) {
                Ok(node_id) => print(&std::format!(
                    "registered and stored: this node is {}; a running daemon takes it up by itself\n",
                    node_id.as_str()
                ))
                .map(|()| 0),
                Err(error) => Err(Failure::new(error.exit_code(), error)),
            }
        }
        Command::Token { audience, scope, header, socket } => {
            let socket = client::socket(socket, &config);
            let token = client::token(&socket, &audience, scope.as_deref(), None)
                .map_err(|error| Failure::new(error.exit_code(), error))?;
            let before = if header { "Authorization: Bearer " } else { "" };
            print(&Zeroizing::new(std::format!("{before}{}\n", token.expose()))).map(|()| 0)
        }
        Command::Request(asked) => send(&asked, &config),
        Command::Keygen { algorithm, show, out } => {
            let jwk = if show { keygen::show(&out) } else { keygen::make(algorithm, &out) };
            let jwk = jwk.map_err(|error| Failure::new(error.exit_code(), error))?;
            print(&(jwk + "\n")).map(|()| 0)
        }
        Command::InstallCredential => {
            match install::install(config, asked_for("the credential's JSON, then Ctrl-D")) {
                Ok(installed) => print(&std::format!("{installed}\n")).map(|()| 0),
                Err(error) => Err(Failure::new(error.exit_code(), error)),
            }
        }
    }
}

/// Standard input; a person at a terminal is told what it waits for.
fn asked_for(what: &str) -> io::StdinLock<'static> {
    if io::stdin().is_terminal() {
        // With standard error closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "paste {what}:");
    }
    io::stdin().lock()
}

fn take_card_over(config: &Path) -> Result<(), Failure> {
    let file = Config::load(config).map_err(|e| Failure::new(78, e))?.state_file;
    install::accept_board(&file).map_err(|e| {
        Failure::new(73, std::format!("{} cannot be written: {e}; run this as root", file.display()))
    })
}

fn tell_status(config: PathBuf, json: bool) -> Result<u8, Failure> {
    let file = Indicators::glimpse(&config).status_file;
    let record = Record::load(&file).map_err(|e| {
        Failure::new(
            69,
            std::format!(
                "no daemon has left its status at {} ({e}); is it running? See `systemctl status jarvis-node`.",
                file.display()
            ),
        )
    })?;
    let (boot_id, now) = (status::boot_id(), clock::instant());
    let mut view = record.view(&boot_id, now);
    if let Some(about_the_daemon) = record.staleness(&boot_id, now) {
        // What it last knew is not what is mended first.
        view.fix = Some(about_the_daemon.into());
    }
    tell(&view, json)?;
    Ok(0)
}

fn tell(view: &View, json: bool) -> Result<(), Failure> {
    let text =
        if json { serde_json::to_string(view).map_err(|e| Failure::new(70, e))? } else { view.in_words() };
    print(&(text + "\n"))
}

fn show(outcome: Outcome, config: PathBuf) -> Result<u8, Failure> {
    let config = Config::load(&config).map_err(|e| Failure::new(78, e))?;
    let now = clock::instant();
    if Record::load(&config.indicators.status_file)
        .is_ok_and(|r| r.staleness(&status::boot_id(), now).is_none())
    {
        return Err(Failure::new(
            69,
            "the daemon runs, and the LED is its own; stop it first with `sudo systemctl stop jarvis-node`",
        ));
    }
    let mut lamp = led_pin::open(&config.indicators.led)
        .map_err(|e| Failure::new(69, e))?
        .ok_or_else(|| Failure::new(78, "the configuration has \"led\": \"none\""))?;
    let (sender, mut inbox) = inbox::channel()?;
    sender.catch_signals(&inbox)?;
    let unset = |e: led_pin::PinError| Failure::new(69, e);
    let start = clock::instant();
    let end = start + SHOW_FOR;
    lamp.show(outcome, start).map_err(unset)?;
    while clock::instant() < end && inbox.try_next().is_none() {
        let edge = lamp.refresh(clock::instant()).map_err(unset)?;
        inbox.wait(edge.unwrap_or(end).min(end).since(clock::instant()), std::vec::Vec::new())?;
    }
    lamp.dark().map_err(unset)?;
    Ok(0)
}

fn send(asked: &request::Request, config: &Path) -> Result<u8, Failure> {
    // With standard error closed there is nobody to tell.
    let tell = |line: fmt::Arguments<'_>| drop(writeln!(io::stderr(), "{line}"));
    let mut head = |status| tell(format_args!("HTTP {status}"));
    let done = request::request(asked, config, io::stdin(), &mut head, &mut io::stdout())
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    if let Some(advice) = &done.advice {
        tell(format_args!("jarvis-node: {advice}"));
    }
    Ok(done.exit_code())
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has had enough, as in `jarvis-node --help | head -1`.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(Failure::from),
    }
}
