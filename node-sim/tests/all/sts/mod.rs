//! The node's token client against the stub's token service, over the wire: every grant, every way to prove
//! who asks, every refusal, and every fault of the tokens.

mod clock;
mod faults;
mod grants;
mod rig;
