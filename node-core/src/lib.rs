//! The half of a Jarvis node that decides, and the types it shares with the half that acts, the simulator and the server
//! stub. It is `no_std` and uses no allocator.
//!
//! [`agent::Agent::handle`] takes an [`agent::Event`] and the time, and returns the [`agent::Action`]s to
//! carry out. [`agent::Agent::deadline`] says when it must be called next. It never reads a clock, a socket
//! or a file.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod agent;
pub mod answer;
pub mod credential;
pub mod household;
pub mod jitter;
pub mod lamp;
pub mod led;
pub mod outcome;
pub mod plain;
pub mod service;
pub mod text;
pub mod time;
pub mod trouble;
pub mod wire;
