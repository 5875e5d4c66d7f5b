//! `server-stub`: arguments → settings → services → one line of JSON → a signal → exit code.

use core::fmt::Display;
use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use server_stub::{Fault, Settings, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use running::{Failure, Running};
use server_stub::cli::{self, Arguments, Plan};

mod running;
mod runs;

/// Exit codes, after sysexits.h.
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    match cli::parse(env::args_os().skip(1)) {
        Err(error) => fail(USAGE, format_args!("{error}; see server-stub --help")),
        Ok(Arguments::Print(text)) => say(&text),
        Ok(Arguments::ListFaults(only)) => say(&Fault::all()
            .filter(|fault| only.is_none_or(|only| only.can_have(*fault)))
            .map(|fault| format!("{fault:20} {}\n", fault.description()))
            .collect::<String>()),
        Ok(Arguments::Serve(mut plan)) => match Settings::from_variables(|name| env::var_os(name)) {
            Err(error) => fail(CONFIG, error),
            Ok(settings) => {
                plan.stub.settings = settings;
                serve(*plan)
            }
        },
    }
}

fn serve(plan: Plan) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(SOFTWARE, error),
    };
    runtime.block_on(async {
        // Signals are caught before the program announces itself.
        let (mut term, mut int) = match signals() {
            Ok(signals) => signals,
            Err(error) => return fail(SOFTWARE, error),
        };
        let running = match Running::start(plan) {
            Ok(running) => running,
            Err(failure) => return fail(exit_code(&failure), failure),
        };
        if let Err(error) = announce(&running) {
            return fail(SOFTWARE, format_args!("cannot say where the services listen: {error}"));
        }
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        ExitCode::SUCCESS
    })
}

fn signals() -> io::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}

fn exit_code(failure: &Failure) -> u8 {
    match failure {
        Failure::Start(StartError::Name(_) | StartError::Fault(_)) => USAGE,
        Failure::Start(StartError::Listen(..) | StartError::Announcement(_)) => UNAVAILABLE,
        Failure::Start(StartError::Directory(_) | StartError::OtherKeyType)
        | Failure::Unreadable(..)
        | Failure::Realm(..)
        | Failure::Variable(_) => CONFIG,
        Failure::Start(StartError::Certificate(_)) => SOFTWARE,
    }
}

/// Prints a line of JSON for programs, and commands to type next for people.
fn announce(running: &Running) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", running.line())?;
    out.flush()?;
    running.explain(&mut io::stderr().lock())
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(SOFTWARE),
    }
}

fn fail(code: u8, why: impl Display) -> ExitCode {
    // If standard error is closed, the exit code still tells.
    let _ = writeln!(io::stderr(), "server-stub: {why}");
    ExitCode::from(code)
}
