//! The real binary against the stub and worse servers: real TLS, real files, real signals.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod check;
mod command_center;
mod daemon;
mod enroll;
mod install;
mod led;
mod memory;
mod remembers;
mod rig;
