//! The services for runs: the Run Gateway (`gateway`), the Run Coordinator behind it (`coordinator`), their
//! common answers (`arp`), SmartEM's backend (`backend`), and the check of their callers (`inbound`). Their calls to others are in
//! `outbound`, their environment in `variables`.

mod arp;
pub(crate) mod backend;
pub(crate) mod coordinator;
pub(crate) mod gateway;
pub(crate) mod inbound;
mod outbound;
pub(crate) mod variables;
