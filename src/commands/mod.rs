//! The commands other than `run`, a file for each.

pub(crate) mod check;
pub mod enroll;
pub(crate) mod install;
mod installed;
pub(crate) mod installer;
pub mod keygen;
pub(crate) mod led;
pub mod request;
mod secret_input;
pub(crate) mod status;
pub(crate) mod token;
