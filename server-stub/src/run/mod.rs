//! The services that runs go through: the Run Gateway (`gateway`), the Run Coordinator behind it
//! (`coordinator`), what both have in common (`arp`), and who may call them (`inbound`). Their calls to
//! others are in `outbound`, their environment in `variables`.

mod arp;
pub(crate) mod coordinator;
pub(crate) mod gateway;
pub(crate) mod inbound;
mod outbound;
pub(crate) mod variables;
