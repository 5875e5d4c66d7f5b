//! `--help`, rendered from the table of commands.

use std::fmt::Write;

use super::table::{ABOUT, COMMANDS, Command, ENVIRONMENT, EVERYWHERE, EXITS, FILES, Opt};

/// How far right the explanation of a word begins.
const COLUMN: usize = 24;
const WIDTH: usize = 100;

/// What a person is told about one command, or about all.
pub(super) fn text(about: Option<&Command>) -> String {
    let mut text = String::new();
    match about {
        Some(command) => one(&mut text, command),
        None => all(&mut text),
    }
    text
}

fn all(text: &mut String) {
    text.push_str(ABOUT);
    text.push_str("\n\nUsage: jarvis-node COMMAND [OPTION…]\n       jarvis-node COMMAND --help\n");
    let commands = COMMANDS.iter().filter(|command| !command.is_internal);
    list(text, "Commands", commands.map(|command| (command.name.into(), command.about)));
    list(text, "Options", EVERYWHERE.iter().map(option));
    list(text, "Environment", ENVIRONMENT.iter().map(|(name, about)| ((*name).into(), *about)));
    list(text, "Files", FILES.iter().map(|(name, about)| ((*name).into(), *about)));
    list(text, "Exit codes of every command", EXITS.iter().map(|(code, when)| (code.to_string(), *when)));
}

fn one(text: &mut String, command: &Command) {
    let mut line = format!("Usage: jarvis-node {}", command.name);
    let operands = command.operands.iter().map(|operand| operand.name.into());
    let indent = line.chars().count();
    for word in operands.chain(command.options.iter().map(synopsis)) {
        if line.chars().count() + word.len() >= WIDTH {
            text.push_str(&line);
            line = format!("\n{:indent$}", "");
        }
        line = line + " " + &word;
    }
    let _ = write!(text, "{line}\n\n{}\n", command.about);
    if command.takes_secret {
        text.push_str("The secret comes through standard input, never as an argument.\n");
    }
    list(text, "Operands", command.operands.iter().map(|operand| (operand.name.into(), operand.about)));
    list(text, "Options", command.options.iter().map(option));
    let general = EXITS.iter().filter(|(code, _)| !command.exits.iter().any(|(own, _)| own == code));
    let mut exits: Vec<_> = command.exits.iter().chain(general).collect();
    exits.sort_unstable_by_key(|(code, _)| *code);
    list(text, "Exit codes", exits.into_iter().map(|(code, when)| (code.to_string(), *when)));
}

/// An option in the line of usage.
fn synopsis(option: &Opt) -> String {
    let (name, _) = self::option(option);
    if option.is_required { name } else { format!("[{name}]") }
}

fn option(option: &Opt) -> (String, &'static str) {
    let space = if option.value.is_empty() { "" } else { " " };
    (["--", option.name, space, option.value].concat(), option.about)
}

fn list(text: &mut String, title: &str, entries: impl Iterator<Item = (String, &'static str)>) {
    let mut head = Some(title);
    for (word, about) in entries {
        if let Some(title) = head.take() {
            let _ = writeln!(text, "\n{title}:");
        }
        let _ = match word.chars().count() < COLUMN - 3 {
            true => writeln!(text, "  {word:0$}{about}", COLUMN - 2),
            false => writeln!(text, "  {word}\n{:1$}{about}", "", COLUMN),
        };
    }
}
