//! `jarvis-node request`, from outside: the real binary with a real daemon, against the stub's services and
//! ones that answer what they are told to.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../device/rig.rs"]
#[expect(dead_code, reason = "made for other tests too")]
mod device;
mod gateway;
mod limits;
mod refusals;
mod rig;
mod service;
