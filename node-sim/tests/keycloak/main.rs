//! The device's binary and a real Keycloak, over TLS. Each test has a realm of its own.
//!
//! `cargo test -p node-sim --features keycloak --test keycloak -- --ignored --skip budgets::` starts what it needs by
//! server-stub/keycloak/run.sh. By `server-stub/keycloak/run.sh cargo test …` the tests share a Keycloak with others.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod administrator;
mod budgets;
mod clock;
mod demo;
mod exchange;
mod lifetimes;
mod methods;
mod outages;
mod realm;
mod rig;
mod rotation;
mod server;
