//! The commands other than `run`, a file or a folder for each, and what several of them need.

pub(crate) mod check;
pub mod enroll;
pub(crate) mod home;
pub(crate) mod install;
mod installed;
pub(crate) mod installer;
pub mod keygen;
pub(crate) mod led;
pub(crate) mod pair;
pub mod request;
pub(crate) mod secret_input;
mod signals;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod update;
