//! `node-sim`: see `--help`.

use std::io::Write;
use std::process::ExitCode;

use node_sim::cli::{self, Cli, Command};
use node_sim::demo::{self, DemoArguments, Screen};
use node_sim::{board, fleet, node, scenarios};

/// Wrong usage (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;
/// A scenario that cannot be run (`EX_DATAERR`).
const DATA: u8 = 65;

fn main() -> ExitCode {
    let Cli { server, config, command } = match Cli::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return complain(&cli::complaint(&error), USAGE),
        Err(help) => return print(help.to_string().as_bytes()),
    };
    match (command, config) {
        (Some(Command::Board(arguments)), _) => ended(board::run(&arguments)),
        (Some(Command::BoardNode(arguments)), _) => {
            ended(board::node::run(arguments).map_err(|e| e.to_string()))
        }
        (Some(Command::Scenario(command)), _) => run_scenarios(&command),
        (Some(Command::Fleet(arguments)), _) => match fleet::run(&arguments) {
            Ok(text) => print(text.as_bytes()),
            Err(sentence) => complain(&format!("{sentence}; see node-sim fleet --help"), USAGE),
        },
        (Some(Command::Completions { shell }), _) => print(&cli::completions(shell)),
        (Some(Command::Demo(arguments)), _) => {
            with_screen(|screen| demo::run(screen, arguments).map_err(|e| e.to_string()))
        }
        (None, None) => {
            with_screen(|screen| demo::run(screen, DemoArguments::default()).map_err(|e| e.to_string()))
        }
        (None, Some(config)) => {
            with_screen(|screen| node::run(server.as_deref(), &config, screen).map_err(|e| e.to_string()))
        }
    }
}

fn run_scenarios(command: &scenarios::command::ScenarioCommand) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match scenarios::command::carry_out(command, &mut out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(sentence) => complain(&sentence, DATA),
    }
}

fn ended(end: Result<(), String>) -> ExitCode {
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => complain(&sentence, 1),
    }
}

fn with_screen(show: impl FnOnce(&Screen) -> Result<(), String>) -> ExitCode {
    let screen = Screen::stdout();
    let shown = show(&screen);
    screen.finish();
    ended(shown)
}

fn print(text: &[u8]) -> ExitCode {
    // A reader that closes the pipe early has seen enough.
    let _ = std::io::stdout().write_all(text);
    ExitCode::SUCCESS
}

fn complain(sentence: &str, code: u8) -> ExitCode {
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "node-sim: {sentence}");
    ExitCode::from(code)
}
