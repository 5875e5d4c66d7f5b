//! The node's token client against the stub's token service: every grant, every client authentication, every
//! refusal and every fault of a token.

mod clock;
mod faults;
mod grants;
pub(crate) mod outcomes;
mod rig;
mod servers;
