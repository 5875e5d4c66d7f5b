//! Tokens for the other services, from their security token service (STS): what is wanted, what came of
//! asking for it, and how long that is good for (arp-wire.md, "Token requests" and "Token answers").

mod cache;
mod error;
mod jwt;
pub(super) mod token;
mod wanted;

pub use self::cache::{Asked, TokenCache};
pub use self::error::{Concern, Flaw, Grant, TokenError};
pub use self::token::{AccessToken, Bounds, Expected};
pub use self::wanted::{SubjectToken, Wanted};
