//! Everything between a URL and an answer: names, addresses, connections, TLS and HTTP.

pub(crate) mod dial;
pub(crate) mod http;
pub(crate) mod reach;
pub mod resolver;
pub mod service_url;
pub mod tls;
pub(crate) mod transport;
pub(crate) mod waiting;
