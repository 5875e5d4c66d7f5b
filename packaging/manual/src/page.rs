//! Manual pages: all of a program on one, its commands too.

use clap::builder::StyledStr;
use clap::{Arg, Command};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// A section of a page: a word and what it means, line by line.
pub struct Section {
    pub(crate) title: &'static str,
    pub(crate) entries: Vec<(String, String)>,
}

/// The page of section 1 about a program.
pub(crate) fn of_program(command: &Command, date: &str, sections: &[Section]) -> Vec<u8> {
    let mut command = command.clone();
    command.build();
    let name = command.get_name();
    let version = format!("{name} {}", command.get_version().unwrap_or_default());
    let mut roff = Roff::new();
    roff.control("TH", [&name.to_uppercase(), "1", date, &version, "User Commands"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {}", sentence(command.get_about())))]);
    roff.control("SH", ["SYNOPSIS"]);
    if !command.is_subcommand_required_set() {
        roff.text(synopsis(&command, name));
        roff.control("br", []);
    }
    if command.has_subcommands() {
        roff.text([bold(name), roman(" "), italic("COMMAND"), roman(" [...]")]);
    }
    if let Some(long) = command.get_long_about().or(command.get_about()) {
        roff.control("SH", ["DESCRIPTION"]);
        paragraphs(&mut roff, &full(&long.to_string()));
    }
    roff.control("SH", ["OPTIONS"]);
    arguments(&mut roff, &command);
    if command.has_subcommands() {
        roff.control("SH", ["COMMANDS"]);
        subcommands(&mut roff, &command, name);
    }
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        roff.control("SH", ["NOTES"]);
        literal(&mut roff, &after.to_string());
    }
    for section in sections {
        roff.control("SH", [section.title]);
        entries(&mut roff, &section.entries);
    }
    roff.to_roff().into_bytes()
}

fn subcommands(roff: &mut Roff, command: &Command, name: &str) {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        let name = format!("{name} {}", inner.get_name());
        roff.control("SS", [inner.get_name()]);
        roff.text(synopsis(inner, &name));
        if let Some(about) = inner.get_long_about().or(inner.get_about()) {
            roff.control("PP", []);
            paragraphs(roff, &full(&about.to_string()));
        }
        arguments(roff, inner);
        subcommands(roff, inner, &name);
    }
}

/// A command with what it takes, in one line.
fn synopsis(command: &Command, name: &str) -> Vec<Inline> {
    let mut line = vec![bold(name)];
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set() && !is_general(argument));
    for argument in shown {
        let (open, close) = if argument.is_required_set() { (" ", "") } else { (" [", "]") };
        line.push(roman(open));
        line.extend(word(argument));
        line.push(roman(close));
    }
    line
}

/// What every command has.
fn is_general(argument: &Arg) -> bool {
    ["help", "version"].contains(&argument.get_id().as_str())
}

/// An argument as it is typed.
fn word(argument: &Arg) -> Vec<Inline> {
    let values = argument.get_value_names().unwrap_or_default();
    let value = values.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(" ");
    let takes_value = argument.get_action().takes_values();
    match argument.get_long() {
        Some(long) if takes_value && argument.is_require_equals_set() => {
            vec![bold(format!("--{long}")), roman("[="), italic(value), roman("]")]
        }
        Some(long) if takes_value => vec![bold(format!("--{long}")), roman(" "), italic(value)],
        Some(long) => vec![bold(format!("--{long}"))],
        None if value.is_empty() => vec![italic(argument.get_id().as_str())],
        None => vec![italic(value)],
    }
}

fn arguments(roff: &mut Roff, command: &Command) {
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        if command.get_version().is_none() && is_general(argument) {
            continue;
        }
        roff.control("TP", []);
        let mut line: Vec<_> = argument
            .get_short()
            .map(|short| [bold(format!("-{short}")), roman(", ")])
            .into_iter()
            .flatten()
            .collect();
        line.extend(word(argument));
        roff.text(line);
        let help = argument.get_long_help().or(argument.get_help());
        let mut text = full(&sentence(help));
        let values: Vec<_> =
            argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let are_named = values.iter().all(|value| text.contains(value));
        if argument.get_action().takes_values() && !are_named {
            text += &format!(" One of {}.", values.join(", "));
        }
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        if argument.get_action().takes_values() && !defaults.is_empty() {
            text += &format!(" Default: {}.", defaults.join(", "));
        }
        roff.text([roman(text)]);
    }
}

fn entries(roff: &mut Roff, entries: &[(String, String)]) {
    for (name, about) in entries {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(full(about))]);
    }
}

fn paragraphs(roff: &mut Roff, text: &str) {
    for (place, paragraph) in text.split("\n\n").enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph.replace('\n', " "))]);
    }
}

/// Text whose lines stay as they are.
fn literal(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.lines() {
        match line {
            "" => roff.control("sp", []),
            line => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
}

/// Help in one line, without its full stop.
fn sentence(help: Option<&StyledStr>) -> String {
    help.map(|help| help.to_string().replace('\n', " ").trim_end_matches('.').to_owned()).unwrap_or_default()
}

/// Text as a sentence: with a capital letter and a full stop.
fn full(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
