//! The auth service: its paths and answers (`http`), reading and refusing requests (`fastapi`), its data
//! (`state`), and its speed (`load`).

pub(crate) mod fastapi;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod state;
mod tokens;
