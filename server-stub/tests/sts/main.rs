//! The token service over the wire.

#[path = "../client/mod.rs"]
mod client;

mod assertions;
mod exchange;
mod faults;
mod grants;
mod keys;
mod realms;
mod rig;
