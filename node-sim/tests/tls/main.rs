//! The node against servers with every kind of TLS, good and bad: the real binary, or what it is made of where
//! a call must follow another. See `refused` for the matrix of what must not be trusted.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod accepted;
mod client_certificate;
mod pinned;
mod pki;
mod refused;
#[path = "../device/rig.rs"]
#[expect(dead_code, reason = "made for other tests too")]
mod rig;
mod server;
mod sessions;
mod site;
