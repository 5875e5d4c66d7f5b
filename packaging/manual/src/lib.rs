//! What is installed beside the programs for people and their editors: manual pages, completion scripts, the schema of
//! the configuration and the descriptions of the services. Nothing in it depends on time or place.

use std::fs;
use std::io;
use std::path::Path;

use clap_complete::Shell;

pub mod configuration;
mod device;
mod page;

/// The programs, as clap has them, each with the sections that its manual page has beside those of its options.
#[must_use]
pub fn programs() -> Vec<(clap::Command, Vec<page::Section>)> {
    vec![
        (device::command(), device::sections()),
        (node_sim::cli::definition(), Vec::new()),
        (server_stub::cli::definition(), Vec::new()),
    ]
}

/// What the daemon answers at its socket. A test of the daemon compares it with this.
const SOCKET: &str = include_str!("../../../src/broker/request/openapi.json");

/// Writes everything below `folder`: `man/`, `completions/`, `schema/`, and `openapi/PROGRAM/` with what the node's
/// socket and the stub's services answer. `date` is that of the pages, as in 2026-11-28.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, date: &str) -> io::Result<()> {
    let [man, completions, schema, openapi] =
        ["man", "completions", "schema", "openapi"].map(|name| folder.join(name));
    for folder in [&man, &completions, &schema, &openapi] {
        fs::create_dir_all(folder)?;
    }
    for (command, sections) in programs() {
        let name = command.get_name().to_owned();
        fs::write(man.join(format!("{name}.1")), page::of_program(&command, date, &sections))?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut command.clone(), &name, &completions)?;
        }
    }
    let of_stub =
        server_stub::documents().into_iter().map(|(name, text)| ("server-stub", name, format!("{text:#}\n")));
    let of_node = [("jarvis-node", "socket.json".into(), SOCKET.into())];
    for (program, name, text) in of_stub.chain(of_node) {
        fs::create_dir_all(openapi.join(program))?;
        fs::write(openapi.join(program).join(name), text)?;
    }
    fs::write(man.join("jarvis-node.json.5"), configuration::page(date))?;
    fs::write(schema.join("jarvis-node.json"), format!("{:#}\n", configuration::schema()))
}

/// The day of a moment, in seconds since 1970, in UTC.
#[must_use]
pub fn date(epoch: i64) -> String {
    let day =
        time::OffsetDateTime::from_unix_timestamp(epoch).unwrap_or(time::OffsetDateTime::UNIX_EPOCH).date();
    day.to_string()
}
