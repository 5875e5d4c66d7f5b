//! Tokens for the other services, from their security token service (STS): what is wanted, what came of
//! asking for it, and how long that is good for (arp-wire.md, "Token requests" and "Token answers").

mod answer;
mod cache;
pub(crate) mod client;
mod error;
pub(crate) mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jwt;
pub(crate) mod key;
pub(crate) mod token;
pub(crate) mod wanted;

pub use self::cache::{Asked, TokenCache};
pub use self::client::StsClient;
pub use self::error::{Concern, Flaw, Grant, TokenError};
pub use self::key::{Algorithm, KeyError, SigningKey, generate};
pub use self::token::{AccessToken, Bounds, Expected};
pub use self::wanted::{SubjectToken, Wanted};
