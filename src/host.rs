//! The half that does: real files, sockets, clocks, signals and GPIO.

pub mod auth_client;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
mod connection;
mod credential_file;
pub mod credential_store;
pub mod daemon;
mod dial;
pub mod durable;
pub mod enroll;
pub mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http_client;
pub mod inbox;
pub mod install;
mod json;
pub mod logging;
pub mod pin;
pub mod process;
mod reach;
pub mod resolver;
pub mod run;
pub mod secret_file;
pub mod secret_input;
pub mod service_url;
pub mod setup;
pub mod state_file;
pub mod status;
pub mod sts;
pub mod systemd;
pub mod tls;
mod waiting;
pub mod watch;
pub mod worker;
