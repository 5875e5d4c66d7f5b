//! The device's binary against the stub and against servers that misbehave.

mod alive;
mod check;
mod command_center;
mod daemon;
mod enroll;
mod install;
mod led;
mod log;
mod memory;
mod other_users;
mod remembers;
mod sent_log;
mod status;
mod terminal;
mod update;
