//! The servers over the wire, and the program around them.

#![cfg(unix)]

mod auth;
mod documents;
mod home;
mod keycloak;
mod program;
mod run;
mod server;

use test_support::http as client;
