//! The device's table of commands, as clap has commands.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, ValueHint};
use jarvis_node::cli::table::{self, ABOUT, COMMANDS, ENVIRONMENT, EXITS, FILES, Operand, Opt};
use node_core::outcome::Outcome;

use crate::page::Section;

/// `jarvis-node`, without the commands that are for this project's scripts.
pub(crate) fn command() -> Command {
    let program = Command::new("jarvis-node")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT.trim_end_matches('.'))
        .subcommand_required(true)
        .disable_help_subcommand(true);
    let shown = || COMMANDS.iter().filter(|command| !command.is_internal);
    let (longer, single): (Vec<_>, Vec<_>) = shown().partition(|command| command.name.contains(' '));
    let mut heads: Vec<_> = single.iter().map(|command| of_table(command, command.name)).collect();
    for command in longer {
        let (head, name) = command.name.split_once(' ').unwrap_or_default();
        let place = heads.iter().position(|known| known.get_name() == head).unwrap_or_else(|| {
            heads.push(Command::new(head).subcommand_required(true).disable_help_subcommand(true));
            heads.len() - 1
        });
        let known = heads.remove(place).subcommand(of_table(command, name)).disable_help_subcommand(true);
        heads.insert(place, known.args_conflicts_with_subcommands(true));
    }
    program.subcommands(heads)
}

fn of_table(command: &table::Command, name: &'static str) -> Command {
    let about = match command.takes_secret {
        true => format!("{}. The secret comes through standard input, never as an argument", command.about),
        false => command.about.to_owned(),
    };
    Command::new(name)
        .about(about)
        .args(command.operands.iter().map(operand))
        .args(command.options.iter().map(option))
}

fn operand(operand: &Operand) -> Arg {
    let arg = Arg::new(operand.name).help(operand.about).required(true);
    match operand.name {
        "OUTCOME" => arg.value_parser(PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str))),
        "FILE" => arg.value_hint(ValueHint::FilePath),
        _ => arg,
    }
}

fn option(option: &Opt) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.about).required(option.is_required);
    match option.value {
        "" => return arg.action(ArgAction::SetTrue),
        "FILE" | "PATH" => arg.value_hint(ValueHint::FilePath),
        "DIR" => arg.value_hint(ValueHint::DirPath),
        words if words.contains('|') && words.contains(|letter: char| letter.is_ascii_lowercase()) => {
            return arg.value_parser(PossibleValuesParser::new(words.split('|'))).value_name(option.value);
        }
        _ => arg,
    }
    .value_name(option.value)
}

/// The sections of the page that clap knows nothing of.
pub(crate) fn sections() -> Vec<Section> {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, about)| ((*name).into(), (*about).into())).collect()
    };
    let mut exits: Vec<(String, String)> =
        EXITS.iter().map(|(code, when)| (code.to_string(), (*when).into())).collect();
    for command in COMMANDS.iter().filter(|command| !command.is_internal && !command.exits.is_empty()) {
        let codes: Vec<_> = command.exits.iter().map(|(code, when)| format!("{code}: {when}")).collect();
        exits.push((command.name.into(), codes.join(". ")));
    }
    vec![
        Section { title: "EXIT STATUS", entries: exits },
        Section { title: "ENVIRONMENT", entries: pairs(ENVIRONMENT) },
        Section { title: "FILES", entries: pairs(FILES) },
        Section {
            title: "SEE ALSO",
            entries: vec![("jarvis-node.json(5)".into(), "the configuration".into())],
        },
    ]
}
