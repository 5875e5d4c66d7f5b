//! The real binary against the stub and worse servers: real TLS, real files, real signals.

mod check;
mod command_center;
mod daemon;
mod enroll;
mod install;
mod led;
mod memory;
mod remembers;
