//! Servers, whatever service is behind them.

mod any_service;
mod connections;
mod faults;
mod log;
