//! jarvis-node on a laptop.
//!
//! Ways to run the same agent as ships:
//! - [`node`]: the device's own run loop in real time, against a real or a stub server, with an LED that is
//!   drawn instead of lit; [`demo`] shows with it what a node goes through, and [`board`] shows it on a web page
//!   and lets one break what it needs;
//! - [`keycloak`]: a real Keycloak for the demo and the tests;
//! - [`world`]: the agent alone in virtual time, in a world of seeded faults; [`scenarios`] run in it, from
//!   files;
//! - [`fleet`]: many agents and one server in virtual time, and what they do to each other.

pub mod board;
pub mod cli;
pub mod demo;
pub mod fleet;
pub mod keycloak;
pub mod node;
mod progress;
pub mod scenarios;
pub mod span;
pub mod world;
