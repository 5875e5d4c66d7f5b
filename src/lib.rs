//! The agent of a Jarvis node: proves who the node is to the auth service, keeps proving it,
//! and shows on one LED how that goes.
//!
//! One half decides and one half does. The deciding half — [`agent`] and what it is made of,
//! [`credential`], [`wire`], [`time`], [`text`], [`led`] and [`lamp`] — is `no_std` and needs no
//! allocator: [`agent::Agent::handle`] takes an [`agent::Event`] and the time and returns the
//! [`agent::Action`]s to carry out, and [`agent::Agent::deadline`] says when it next wants to be
//! woken. The doing half, `host`, carries them out with real files, sockets, clocks and GPIO;
//! the simulator carries the same actions out in virtual time.
#![no_std]

#[cfg(feature = "host")]
extern crate alloc;
#[cfg(any(feature = "host", test))]
extern crate std;

pub mod agent;
pub mod credential;
#[cfg(feature = "host")]
pub mod host;
pub mod lamp;
pub mod led;
pub mod text;
pub mod time;
pub mod wire;
