//! HTTP over TLS to one service, with name resolution, connections and certificate checks of its own.
//!
//! A module imports only from those before it: `waiting`, `service_url`, `peer`, `dial`, `buffers`,
//! `transport`, `resolver`, `reach`, `tls`, `http`.

mod buffers;
mod dial;
pub(crate) mod http;
pub(crate) mod peer;
mod reach;
pub(crate) mod resolver;
pub mod service_url;
pub mod tls;
mod transport;
mod waiting;
