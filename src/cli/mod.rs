//! The command line: takes the arguments apart, runs the command, and turns what comes of it into text and an exit
//! code.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::{fmt, io};

use log::warn;
use node_core::agent::Exit;
use node_core::text::Shown;

use self::arguments::{Command, Invocation};
use crate::commands::check::{diag, doctor};
use crate::commands::enroll::Token;
use crate::commands::{
    check, enroll, install, installer, keygen, led, pair, request, secret_input, status, token, update,
};
use crate::config::{Config, checked};
use crate::daemon;
use crate::daemon::{logging, process};
use crate::error::Warning;
use crate::files::json;
use crate::files::status::View;
use crate::sts::Algorithm;
use crate::system::failure;

mod arguments;
#[cfg(fuzzing)]
pub mod fuzzing;
mod given;
mod help;
pub mod table;

/// Ends the program early: a sentence for standard error, and an exit code by sysexits(3).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    code: u8,
    message: String,
}

impl CliError {
    fn new(code: u8, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    fn usage(message: impl fmt::Display) -> Self {
        Self { code: 64, message: format!("{message}; see jarvis-node --help") }
    }

    /// The program's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.code
    }
}

impl From<lexopt::Error> for CliError {
    fn from(error: lexopt::Error) -> Self {
        Self::usage(error)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match failure::fix_shortage(&error) {
            Some(fix) => Self::new(71, format_args!("{error}. {fix}")),
            None => Self::new(71, error),
        }
    }
}

/// Does what the arguments ask for and returns the exit code.
///
/// # Errors
/// When it cannot be done at all; an outcome is not an error.
pub fn main() -> Result<u8, CliError> {
    let Invocation { command, config, is_config_named } = arguments::parse(lexopt::Parser::from_env())?;
    if !matches!(command, Command::Help(_) | Command::Version) {
        let format = if let Command::Run { log_format } = command { Some(log_format) } else { None };
        logging::init(format);
        if format.is_none() {
            // The daemon shows them in its status.
            logging::warnings().iter().for_each(|Warning { message, fix, .. }| warn!("{message}. {fix}"));
        }
        process::survive_file_size_limit();
        process::conceal();
        process::lock_memory();
    }
    // What has a budget of memory is no part of a function that has the code and the stack of all commands.
    if matches!(command, Command::Run { .. }) {
        return serve(config);
    }
    if let Command::Check { json, accept_board } = command {
        return validate(config, is_config_named, json, accept_board);
    }
    carry_out(command, config, is_config_named)
}

#[inline(never)]
fn serve(config: PathBuf) -> Result<u8, CliError> {
    match daemon::run(config)? {
        Exit::Asked => Ok(0),
        Exit::AnswerLost => {
            Err(CliError::new(70, "the network thread is stuck; only a new start mends that"))
        }
    }
}

#[inline(never)]
fn validate(config: PathBuf, is_config_named: bool, json: bool, accept_board: bool) -> Result<u8, CliError> {
    let target = check::Target::find(config, is_config_named);
    if accept_board {
        accept_this_board(target.config_file())?;
    }
    let (outcome, view) = check::check(target, json);
    print_view(&view, json)?;
    Ok(outcome.exit_code())
}

#[inline(never)]
fn carry_out(command: Command, config: PathBuf, is_config_named: bool) -> Result<u8, CliError> {
    match command {
        Command::Help(about) => print(&help::text(about))?,
        Command::Version => print(concat!("jarvis-node ", env!("CARGO_PKG_VERSION"), "\n"))?,
        Command::Run { .. } => return serve(config),
        Command::Check { json, accept_board } => {
            return validate(config, is_config_named, json, accept_board);
        }
        Command::Status { json } => {
            let view = status::status(&config, is_config_named).map_err(|error| CliError::new(69, error))?;
            print_view(&view, json)?;
        }
        Command::Diag { out } => {
            let made = diag::diag(|| check::Target::find(config.clone(), is_config_named), out)
                .map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&made.to_string());
        }
        Command::Doctor { json, fix } => {
            let found = doctor::examine(|| check::Target::find(config.clone(), is_config_named), fix)?;
            let text =
                if json { json::text(&found).map_err(|e| CliError::new(70, e))? } else { found.in_words() };
            print(&(text + "\n"))?;
            return Ok(found.exit_code());
        }
        Command::Led(outcome) => {
            led::show(outcome, &config).map_err(|error| CliError::new(error.exit_code(), error))?;
        }
        Command::LedFind { stop } => {
            let done = if stop { led::stop_find(&config) } else { led::find(&config) };
            done.map_err(|error| CliError::new(error.exit_code(), error))?;
        }
        Command::Enroll(enrolment) => {
            let stdin = io::stdin();
            let token = if stdin.is_terminal() { Token::Asked } else { Token::Given(&mut stdin.lock()) };
            let done = enroll::enroll(&config, &enrolment, token)
                .map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&done.to_string());
        }
        Command::Pair(pairing) => {
            let paired =
                pair::pair(&config, &pairing).map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&format!("{paired}. Start the daemon: sudo systemctl start jarvis-node-agent"));
        }
        Command::FirstBoot { file } => {
            let done = enroll::first_boot::first_boot(&config, file.as_deref())
                .map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&done);
        }
        Command::Move(to) => {
            let token = || secret_input::typed("paste the provisioning token of the new home, then Enter");
            let moved = enroll::moving::relocate(&config, &to, token)
                .map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&moved.to_string());
        }
        Command::InstallCredential { card } => {
            let input = secret_input::typed("paste the credential's JSON, then Ctrl-D");
            let installed = install::install(config, card.as_deref(), input)
                .map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&installed.to_string());
        }
        Command::Installer(question, file) => {
            let told = installer::answer(&question, &file);
            print(&told.map_err(|e| CliError::new(78, format_args!("{e}. {}", e.to_trouble().fix)))?)?;
        }
        Command::ConfigCheck(file) => {
            let told = checked::check(&file);
            let (is_sound, told) =
                told.map_err(|e| CliError::new(78, format_args!("{e}. {}", e.to_trouble().fix)))?;
            print(&told)?;
            return Ok(if is_sound { 0 } else { 78 });
        }
        Command::Update => {
            let made = update::update(config).map_err(|error| CliError::new(error.exit_code(), error))?;
            print_done(&made.map_or("there is no request".into(), |version| format!("updated to {version}")));
        }
        Command::Token(request) => {
            let line =
                token::line(request, &config).map_err(|error| CliError::new(error.exit_code(), error))?;
            print(&line)?;
        }
        Command::Request(call) => return send(&call, &config),
        Command::Keygen { algorithm, show, out } => {
            let jwks = if show {
                keygen::show(&out, algorithm)
            } else {
                keygen::make(algorithm.unwrap_or(Algorithm::Es256), &out)
            };
            let jwks = jwks.map_err(|error| CliError::new(error.exit_code(), error))?;
            print(&(jwks + "\n"))?;
        }
    }
    Ok(0)
}

/// Says what was done. That nobody can read it makes it no failure: to do it again would cost another token.
fn print_done(line: &str) {
    let line = Shown(line);
    if let Err(why) = print(&format!("{line}\n")) {
        let _ = writeln!(io::stderr(), "jarvis-node: {line} (standard output cannot be written: {why})");
    }
}

fn accept_this_board(config: &Path) -> Result<(), CliError> {
    let file = Config::load(config).map_err(|e| CliError::new(78, e))?.state_file;
    install::accept_board(&file).map_err(|e| {
        CliError::new(73, format!("{} cannot be written: {e}; run this as root", file.display()))
    })
}

fn print_view(view: &View, json: bool) -> Result<(), CliError> {
    let text = if json { json::text(view).map_err(|e| CliError::new(70, e))? } else { view.in_words() };
    print(&(text + "\n"))
}

fn send(call: &request::ServiceRequest, config: &Path) -> Result<u8, CliError> {
    // With standard error closed nobody can read these lines anyway.
    let tell = |line: fmt::Arguments<'_>| drop(writeln!(io::stderr(), "{line}"));
    let mut head = |status| tell(format_args!("HTTP {status}"));
    let done = request::request(call, config, io::stdin(), &mut head, &mut io::stdout())
        .map_err(|error| CliError::new(error.exit_code(), error))?;
    if let Some(advice) = &done.advice {
        tell(format_args!("jarvis-node: {}", Shown(advice)));
    }
    Ok(done.exit_code())
}

fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader has read all it wants, as in `jarvis-node --help | head -1`.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(CliError::from),
    }
}
