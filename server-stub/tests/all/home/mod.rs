//! A household's services over a socket, in the manner of both homes.

mod auth;
mod command_center;
mod config_service;
mod logs;
mod outages;
mod replay;
mod updates;

use server_stub::{Home, Options, Stub};

const HOMES: [Home; 2] = [Home::Python, Home::Jarvisd];

/// A household without TLS.
fn household(home: Home) -> Stub {
    Stub::start(Options { home, tls: false, ..Options::default() }).expect("a stub")
}
