//! The servers over the wire, and the program around them.

#![cfg(unix)]

mod auth;
mod client;
mod command_center;
mod keycloak;
mod program;
mod run;
mod server;
