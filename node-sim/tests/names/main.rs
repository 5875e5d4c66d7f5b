//! Names and addresses on a home's network: the real binary in a network namespace of its own, with
//! dnsmasq, BIND and Avahi as its neighbours, and neighbours that mean no good.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod addresses;
mod hostile;
mod house;
mod lan;
mod memory;
mod name_servers;
mod neighbours;
