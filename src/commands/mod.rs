//! What the program does when it is not the daemon, a file for each command.

pub mod check;
pub mod enroll;
pub mod install;
pub mod keygen;
pub mod request;
pub mod secret_input;
