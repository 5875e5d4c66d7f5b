//! Everything between a URL and an answer: names, addresses, connections, TLS and HTTP.

mod dial;
pub(crate) mod http;
mod reach;
pub(crate) mod resolver;
pub mod service_url;
pub mod tls;
mod transport;
mod waiting;
