//! The broker from outside: the real binary as a daemon, a token service for it to ask, and callers of every
//! kind at its socket.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod answers;
mod caller;
#[path = "../device/rig.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod device;
mod led;
mod life;
mod many;
mod readme;
mod rig;
mod rude;
mod secrets;
mod speed;
