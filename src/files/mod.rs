//! The node's files: their formats, who may read them, and how they survive a power cut.

pub(crate) mod bounded;
pub mod credential;
pub(crate) mod credential_file;
pub mod credential_store;
pub mod durable;
pub(crate) mod exposition;
pub(crate) mod form;
pub(crate) mod json;
pub mod pem;
pub mod secret_file;
pub(crate) mod secret_line;
pub mod state;
pub mod status;
