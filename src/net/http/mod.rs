//! One HTTP request to one service, within its time-out; failures are explained in terms of name, connection,
//! TLS and HTTP.

mod between;
mod body;
mod client;
mod echo;
#[cfg(fuzzing)]
mod fuzzing;
mod probe;
mod redirect;
pub(crate) mod streaming;
mod time;
mod trouble;

pub(crate) use self::between::{Between, is_compressed, says};
pub(crate) use self::client::{HttpClient, HttpError, HttpResponse, JSON, Post, Posted};
pub(crate) use self::echo::repeats;
pub(crate) use self::redirect::{Target, target};
pub(crate) use self::time::retry_after;
