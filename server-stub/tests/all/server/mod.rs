//! What every server of the stub has, whatever service is behind it.

mod any_service;
mod connections;
mod faults;
mod log;
