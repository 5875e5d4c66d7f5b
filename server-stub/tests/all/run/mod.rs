//! Inbound validation, the Run Gateway and the Run Coordinator over the wire.

mod backend;
mod events;
mod inbound;
mod modes;
pub(crate) mod rig;
mod runs;
mod tokens;
