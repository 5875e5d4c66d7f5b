//! The broker from outside: the real binary as a daemon, a token service for it to ask, and callers of every
//! kind at its socket.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod answers;
mod caller;
#[path = "../device/rig.rs"]
#[expect(dead_code, reason = "the rude servers are the other tests'")]
mod device;
mod life;
mod many;
mod rig;
mod rude;
