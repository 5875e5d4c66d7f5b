//! The node against servers with every kind of TLS, good and bad. Most tests run the device's binary; those in
//! which one call must follow another use its library. `matrix` holds the servers that must not be trusted.

mod accepted;
mod certificates;
mod client_certificate;
mod keys;
mod matrix;
pub(crate) mod outcomes;
mod pinned;
mod pki;
mod ports;
mod server;
mod sessions;
mod site;
