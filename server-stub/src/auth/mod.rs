//! The auth service: its paths and answers (`http`), how it reads and refuses requests (`fastapi`),
//! what it knows (`state`), and how slow it is (`load`).

pub(crate) mod fastapi;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod state;
mod tokens;
