//! The files of the node: how they survive a power cut, what they hold, and who may read them.

pub mod credential;
pub(crate) mod credential_file;
pub mod credential_store;
pub mod durable;
pub(crate) mod json;
pub mod secret_file;
pub mod state_file;
pub mod status;
