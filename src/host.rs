//! The half that does: real files, sockets, clocks, signals and GPIO.

pub mod auth_client;
pub mod auth_url;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
mod credential_file;
pub mod credential_store;
pub mod daemon;
pub mod durable;
pub mod error;
pub mod inbox;
pub mod install;
pub mod logging;
pub mod pin;
pub mod resolver;
pub mod run;
pub mod secret_file;
pub mod setup;
pub mod state_file;
pub mod status;
pub mod systemd;
pub mod tls;
pub mod watch;
pub mod worker;
