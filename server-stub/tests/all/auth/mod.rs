//! The auth service over the wire.

mod accounts;
mod load;
mod recorded;
mod wire;
