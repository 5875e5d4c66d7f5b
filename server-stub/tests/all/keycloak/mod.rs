//! The token service over the wire.

mod assertions;
mod exchange;
mod faults;
mod grants;
mod keys;
mod realms;
mod replay;
mod rig;
