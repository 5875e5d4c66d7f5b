//! The half that does: real files, sockets, clocks, signals and GPIO.

pub mod auth_client;
pub mod auth_url;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
mod connection;
pub mod credential_file;
pub mod daemon;
mod dial;
pub mod error;
pub mod inbox;
pub mod logging;
pub mod pin;
mod reach;
pub mod resolver;
pub mod run;
pub mod secret_file;
pub mod setup;
pub mod status;
pub mod systemd;
pub mod tls;
mod waiting;
pub mod worker;
