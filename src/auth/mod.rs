//! The question whether the node is valid: to the auth service by the app's key, or to the command center by the
//! node's own.

mod client;
mod delivered;
#[cfg(fuzzing)]
mod fuzzing;
mod judge;

pub use self::client::{AuthClient, Reply};
pub use self::delivered::Delivered;
