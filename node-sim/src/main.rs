//! `node-sim`: see `--help`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use node_sim::demo::Screen;
use node_sim::{board, demo, fleet, node, scenarios};

const HELP: &str = "\
Runs a Jarvis node on this machine, with an LED drawn in the terminal.

Usage:
  node-sim                               half a minute of a node's life, with a stub server
  node-sim [--server URL] --config FILE  one node against a real server, until Ctrl-C;
                                         FILE is a jarvis-node configuration, URL takes the
                                         place of its auth_url
  node-sim board [--listen ADDR] [--no-open] [--grace SECS] [--pin-log FILE]
                                         a board with a node on a web page of this machine, its
                                         LED, its server and everything one can take from it,
                                         until Ctrl-C; a verdict outlives the server for SECS
                                         (120); every level of the pin goes to FILE, too
  node-sim board [--server URL] --config FILE [--listen ADDR] [--no-open] [--pin-log FILE]
                                         the same with a real server
  node-sim scenario list                 stories from the field, told in virtual time
  node-sim scenario run NAME|FILE… [--seed N] [--seeds K] [--trace]
  node-sim scenario run --all [--seed N] [--seeds K]
                                         tells them with the seeds from N on, K of them; what is
                                         not as expected is told with its seed and the least that
                                         has to happen for it, and the exit code is 1
  node-sim fleet --nodes N [options]     N nodes and one server after an outage, in virtual time;
                                         node-sim fleet --help says more
  node-sim --help | --version
";

enum Invocation {
    Print(&'static str),
    Story,
    RealServer { url: Option<String>, config: PathBuf },
    Scenario(scenarios::command::Request),
    Board(board::Request),
    BoardNode(board::node::Request),
}

fn main() -> ExitCode {
    let mut fleet = lexopt::Parser::from_env();
    if let Ok(Some(Value(first))) = fleet.next()
        && first == "fleet"
    {
        return match fleet::command(fleet) {
            Ok(text) => print(&text),
            Err(sentence) => complain(&sentence, 64),
        };
    }
    match parse(lexopt::Parser::from_env()) {
        Ok(Invocation::Print(text)) => print(text),
        Ok(Invocation::Story) => with_screen(|screen| demo::tell(screen).map_err(|e| e.to_string())),
        Ok(Invocation::RealServer { url, config }) => {
            with_screen(|screen| node::run(url.as_deref(), &config, screen).map_err(|e| e.to_string()))
        }
        Ok(Invocation::Scenario(request)) => tell_scenarios(&request),
        Ok(Invocation::Board(request)) => ended(board::run(&request)),
        Ok(Invocation::BoardNode(request)) => ended(board::node::run(request).map_err(|e| e.to_string())),
        Err(error) => complain(&format!("{error}; see node-sim --help"), 64),
    }
}

fn tell_scenarios(request: &scenarios::command::Request) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match scenarios::command::carry_out(request, &mut out) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(sentence) => complain(&sentence, 65),
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Invocation, lexopt::Error> {
    let (mut url, mut config) = (None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Invocation::Print(HELP)),
            Long("version") | Short('V') => {
                return Ok(Invocation::Print(concat!("node-sim ", env!("CARGO_PKG_VERSION"), "\n")));
            }
            Long("server") => url = Some(arguments.value()?.string()?),
            Value(word) if word == "board" && url.is_none() && config.is_none() => {
                return board::Request::parse(&mut arguments).map(Invocation::Board);
            }
            // For `board`, which starts it; nobody else needs it.
            Value(word) if word == "board-node" && url.is_none() && config.is_none() => {
                return board::node::Request::parse(&mut arguments).map(Invocation::BoardNode);
            }
            Value(word) if word == "scenario" && url.is_none() && config.is_none() => {
                return scenarios::command::Request::parse(&mut arguments).map(Invocation::Scenario);
            }
            Long("config") => config = Some(PathBuf::from(arguments.value()?)),
            Long(_) | Short(_) | Value(_) => return Err(argument.unexpected()),
        }
    }
    match (url, config) {
        (None, None) => Ok(Invocation::Story),
        (url, Some(config)) => Ok(Invocation::RealServer { url, config }),
        (Some(_), None) => Err("--server needs --config with the node's credential and app key".into()),
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

fn print(text: &str) -> ExitCode {
    // Whoever reads may have had enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(sentence: &str, code: u8) -> ExitCode {
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "node-sim: {sentence}");
    ExitCode::from(code)
}
