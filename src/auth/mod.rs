//! Validation of the node: by the auth service with an app's key, or by the command center with the node's
//! own.

mod client;
mod delivered;
#[cfg(fuzzing)]
mod fuzzing;
mod judge;

pub use self::client::{AuthClient, Reply};
pub use self::delivered::Delivered;
