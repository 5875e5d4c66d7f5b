//! Inbound validation, the Run Gateway and the Run Coordinator over the wire.

#[path = "../client/mod.rs"]
mod client;

mod events;
mod inbound;
mod modes;
mod rig;
mod runs;
mod tokens;
