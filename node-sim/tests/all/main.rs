//! node-sim and the device's own binary from outside, with real TLS, real files, real sockets and real signals.
//! Tests that need more than cargo (namespaces, strace, a browser) have test binaries of their own.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::process::Command;

mod board;
#[cfg(target_os = "linux")]
mod broker;
mod demo;
mod device;
mod faults;
mod files;
mod fleet;
mod home;
mod installation;
mod outcomes;
mod real_server;
mod request;
mod scenarios;
mod sts;
mod tls;

/// `node-sim` with these arguments.
fn node_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node-sim"));
    command.args(arguments);
    command
}
