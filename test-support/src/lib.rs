//! What the tests of several crates share. Only `[dev-dependencies]` name this crate.
//!
//! - [`binaries`]: the programs of this workspace, built where they are out of date;
//! - [`process`]: commands that are run to their end, and signals;
//! - [`rig`] and [`daemon`]: the device's own binary as a child, with a stub for it to ask;
//! - [`run_loop`] and [`pin`]: the device's run loop on a thread, with an LED that is recorded;
//! - [`caller`]: a program that asks for tokens at the broker's socket;
//! - [`card`]: a card on which `systemd/install.sh` works;
//! - [`board`]: `node-sim board` as a child;
//! - [`rude`]: servers that misbehave; [`http`]: a client that shows each byte of an answer;
//! - [`described`]: whether an answer is as an OpenAPI document has it;
//! - [`waiting`]: how long a test waits, and how it keeps others from disturbing it.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

pub mod binaries;
pub mod board;
#[cfg(target_os = "linux")]
pub mod caller;
pub mod card;
pub mod daemon;
pub mod described;
pub mod http;
pub mod pin;
pub mod process;
pub mod rig;
pub mod rude;
pub mod run_loop;
pub mod waiting;

/// What drives a browser and reads its pictures. Nobody else pays for compiling it.
#[cfg(feature = "browser")]
pub mod browser {
    pub use {color_quant, fantoccini, png, url};
}
