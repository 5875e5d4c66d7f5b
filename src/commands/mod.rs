//! What the program does when it is not the daemon: a file for each command.

pub mod check;
pub mod enroll;
pub(crate) mod install;
pub mod keygen;
pub(crate) mod led;
pub mod request;
mod secret_input;
pub(crate) mod status;
pub(crate) mod token;
