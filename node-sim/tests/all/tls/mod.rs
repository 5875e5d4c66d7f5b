//! The node against servers with every kind of TLS, good and bad: the real binary, or what it is made of
//! where one call must follow another. See `matrix` for what must not be trusted.

mod accepted;
mod certificates;
mod client_certificate;
mod keys;
mod matrix;
mod pinned;
mod pki;
mod ports;
mod server;
mod sessions;
mod site;
