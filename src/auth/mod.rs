//! Validation of the node, by the auth service with an app's key or by another service with the node's own; and what shows
//! its home that it is alive.

mod client;
mod delivered;
#[cfg(fuzzing)]
mod fuzzing;
mod heartbeat;
mod judge;
mod logs;
mod proof;
mod update;

pub use self::client::{AuthClient, Reply};
pub use self::delivered::Delivered;
pub(crate) use self::heartbeat::GIT_SHA;
pub use self::logs::NotTaken;
pub use self::update::Update;
pub(crate) use self::update::runtime_folder;
