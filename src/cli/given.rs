//! Takes the arguments apart by the table of commands.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::CliError;
use super::table::{COMMANDS, Command, EVERYWHERE, Opt};

const NO_SECRETS: &str = "secrets come through standard input, never as arguments";

/// What the arguments ask for.
#[derive(Debug)]
pub(super) enum Asked {
    /// `--help`, about one command or all.
    Help(Option<&'static Command>),
    Version,
    Command(Given),
}

/// A command with its options and operands, as the table has them.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) command: &'static Command,
    options: Vec<(&'static Opt, OsString)>,
    operands: Vec<String>,
}

impl Given {
    /// Whether an option without a value is given.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The configuration, if an option names it.
    pub(super) fn config(&self) -> Option<PathBuf> {
        self.last("config").map(PathBuf::from)
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, CliError> {
        let text = |value: &OsString| value.clone().into_string().map_err(|_| not_utf8());
        self.value(name).map(text).transpose()
    }

    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        self.operands.iter().map(String::as_str)
    }

    /// An operand, which is there if the table has one at this place.
    pub(super) fn operand(&self, place: usize) -> &str {
        self.operands.get(place).map_or("", String::as_str)
    }

    fn value(&self, name: &str) -> Option<&OsString> {
        debug_assert!(
            self.command.options.iter().any(|option| option.name == name),
            "--{name} is not in the table"
        );
        self.last(name)
    }

    /// Of --config, which alone may be repeated, the last counts.
    fn last(&self, name: &str) -> Option<&OsString> {
        self.options.iter().rfind(|(option, _)| option.name == name).map(|(_, value)| value)
    }

    /// Whether the command may be given these options and operands.
    fn check(&self) -> Result<(), CliError> {
        let Command { name, options, operands, takes_secret, .. } = self.command;
        for (place, (option, _)) in self.options.iter().enumerate() {
            if !options.iter().any(|own| own.name == option.name) {
                return Err(CliError::usage(format!("--{} goes with another command", option.name)));
            }
            // Which of two was meant cannot be told, and the last may name another node.
            let is_repeated = self.options[..place].iter().any(|(before, _)| before.name == option.name);
            if is_repeated && !option.value.is_empty() && option.name != "config" {
                return Err(CliError::usage(format!("--{} is given twice", option.name)));
            }
        }
        if let Some(lacking) = operands.get(self.operands.len()) {
            return Err(CliError::usage(format!("{name} needs {}: {}", lacking.name, lacking.about)));
        }
        let takes_more = operands.last().is_some_and(|last| last.name.ends_with('…'));
        match self.operands.get(operands.len()) {
            Some(word) if !takes_more => Err(match takes_secret {
                true => CliError::usage(NO_SECRETS),
                false => CliError::usage(format!("'{word}' is one word too many")),
            }),
            _ => Ok(()),
        }?;
        let is_given = |name| self.options.iter().any(|(option, _)| option.name == name);
        match options.iter().find(|option| option.is_required && !is_given(option.name)) {
            Some(Opt { name: option, value, about, .. }) => {
                Err(CliError::usage(format!("{name} needs --{option} {value}: {about}")))
            }
            None => Ok(()),
        }
    }
}

/// What is asked for, with only such options and operands as go with it.
pub(super) fn take(mut arguments: lexopt::Parser) -> Result<Asked, CliError> {
    let (mut words, mut options) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next()? {
        let name = match argument {
            Value(word) => {
                words.push(word.into_string().map_err(|_| not_utf8())?);
                continue;
            }
            Long(name) => name,
            Short('h') => "help",
            Short('V') => "version",
            Short(_) => "",
        };
        let Some(option) = all_options().find(|option| option.name == name) else {
            // A key may begin with a dash, so this may be one: it must not be repeated.
            let takes_secret =
                |word: &String| COMMANDS.iter().any(|command| command.takes_secret && command.name == word);
            return Err(match words.iter().any(takes_secret) {
                true => CliError::usage(format!("there is no such option; {NO_SECRETS}")),
                false => argument.unexpected().into(),
            });
        };
        // The value that belongs to no option is not repeated either.
        let value = match (option.value.is_empty(), arguments.optional_value()) {
            (true, Some(_)) => return Err(CliError::usage(format!("--{} takes no value", option.name))),
            (true, None) => OsString::new(),
            (false, Some(value)) => value,
            (false, None) => arguments.value()?,
        };
        options.push((option, value));
    }
    let asks = |name| options.iter().any(|(option, _)| option.name == name);
    let asks_help = asks("help") || words.first().is_some_and(|word| word == "help");
    if asks_help {
        words.retain(|word| word != "help");
        return Ok(Asked::Help(command(&words)));
    }
    if asks("version") || words.first().is_some_and(|word| word == "version") {
        return Ok(Asked::Version);
    }
    let Some(command) = command(&words) else {
        let names: Vec<_> =
            COMMANDS.iter().filter(|command| !command.is_internal).map(|it| it.name).collect();
        return Err(CliError::usage(match words.first() {
            Some(word) => format!("there is no command '{word}'"),
            None => format!("say what to do: {}", names.join(", ")),
        }));
    };
    let operands = words.split_off(command.name.split(' ').count());
    let given = Given { command, options, operands };
    given.check()?;
    Ok(Asked::Command(given))
}

fn all_options() -> impl Iterator<Item = &'static Opt> {
    COMMANDS.iter().flat_map(|command| command.options).chain(EVERYWHERE)
}

fn command(words: &[String]) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| {
        let mut words = words.iter();
        command.name.split(' ').all(|name| words.next().is_some_and(|word| word == name))
    })
}

fn not_utf8() -> CliError {
    CliError::usage("an argument is not UTF-8")
}
