//! The half of a Jarvis node that acts: files, sockets, clocks, signals and GPIO. [`node_core::agent::Agent`] decides
//! what to do.
//!
//! Modules import only from the layers above them in this list:
//!
//! 1. [`error`]; [`system`]
//! 2. [`files`]
//! 3. [`net`]
//! 4. [`config`], [`led_pin`]
//! 5. [`auth`], [`sts`]
//! 6. [`broker`], [`setup`]
//! 7. [`daemon`], [`commands`]
//! 8. [`cli`]

pub mod auth;
pub mod broker;
pub mod cli;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod error;
pub mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod led_pin;
pub mod net;
pub mod setup;
pub mod sts;
pub mod system;
