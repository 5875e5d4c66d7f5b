//! The command line of `node-sim`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{board, demo, fleet, scenarios};

/// Run a Jarvis node on this machine, with an LED drawn in the terminal
///
/// Without a command: the demo, or with --config one node against a real server, until Ctrl-C.
#[derive(Debug, Parser)]
#[command(
    name = "node-sim",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// A real server to ask, in place of the configuration's auth_url
    #[arg(long, value_name = "URL", requires = "config")]
    pub server: Option<String>,
    /// A jarvis-node configuration, with the node's credential and app key
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands of `node-sim`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show less than a minute of a node's life, with a stub server
    Demo(demo::DemoArguments),
    /// Show a node on a web page of this machine, with switches to break what it needs, until Ctrl-C
    Board(board::BoardArguments),
    /// The node of the board, which the board starts
    #[command(hide = true)]
    BoardNode(board::node::NodeArguments),
    /// Run scenarios in virtual time: what a node meets in the field, and what it must do
    #[command(subcommand, arg_required_else_help = false)]
    Scenario(scenarios::command::ScenarioCommand),
    /// Simulate many nodes and one server after an outage
    ///
    /// The nodes run in virtual time, against a model of the server. With --real they run in real time, over real
    /// sockets and TLS, against a real server. Times then count from the start. A node whose call fails later
    /// counts as recovered only once it has its verdict again; a stall is a time in which calls were in flight and
    /// none was answered.
    Fleet(fleet::FleetArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Cli {
    /// Reads the command line, the name of the program first.
    ///
    /// # Errors
    /// Wrong usage; or `--help` or `--version`, whose text is to be printed.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(arguments)
    }
}

/// The command line as clap has it, for the manual page and the completions.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// The completion script for a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "node-sim", &mut script);
    script
}

/// What wrong usage is answered with.
#[must_use]
pub fn complaint(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (text, _) = text.split_once("\n\nFor more information").unwrap_or((text, ""));
    format!("{text}\n\nSee node-sim --help")
}
