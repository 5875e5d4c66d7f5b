//! The half of a Jarvis node that acts: files, sockets, clocks, signals and GPIO. What to do is decided by
//! [`node_core::agent::Agent`].

pub mod auth;
pub mod broker;
pub mod cli;
pub mod clock;
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
