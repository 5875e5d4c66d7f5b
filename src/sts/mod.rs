//! Access tokens for other services, from their security token service (STS): which one is wanted, the
//! request for it, and how long the answer can be used (docs/wire/arp.md, "Token requests" and "Token answers").

mod answer;
mod cache;
mod client;
mod error;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jwt;
mod key;
mod token;
mod wanted;

pub(crate) use self::cache::{Asked, TokenCache};
pub use self::client::StsClient;
pub use self::error::{Answerer, Concern, Grant, InvalidTokenError, TokenError};
pub(crate) use self::form::{IN_BODY, IN_HEADER};
pub use self::key::{Algorithm, KeyError};
pub(crate) use self::key::{SigningKey, generate};
#[cfg(test)]
pub(crate) use self::token::tests::token as test_token;
pub use self::token::{AccessToken, Expected};
pub(crate) use self::wanted::for_audience;
pub use self::wanted::{SubjectToken, Wanted};
