//! Names and addresses on a home's network: the device's binary in a network namespace of its own, with
//! dnsmasq, BIND, Avahi and hostile hosts as its neighbours. `cargo test -p node-sim --features namespaces
//! --test names -- --ignored`
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod addresses;
mod announcements;
mod homes;
mod hostile;
mod house;
mod lan;
mod memory;
mod name_servers;
mod neighbours;
