//! Inbound validation, the Run Gateway and the Run Coordinator over the wire.

mod backend;
mod events;
mod inbound;
mod modes;
mod rig;
mod runs;
mod tokens;
