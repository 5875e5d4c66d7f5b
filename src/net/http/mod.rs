//! One request to one service, within its time: name, connection, TLS, HTTP, and in what words to tell
//! a person that one of them failed.

mod client;
#[cfg(fuzzing)]
mod fuzzing;
mod probe;
pub(crate) mod streaming;
mod time;
mod trouble;

pub(crate) use self::client::{HttpClient, HttpError, HttpResponse, JSON, Post};
pub(crate) use self::time::retry_after;
