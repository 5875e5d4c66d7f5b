//! The auth service: its paths and answers (`http`), its data (`state`), its speed (`load`), and how
//! the other services of the home ask it (`asking`) and remember what it said (`verdicts`).

pub(crate) mod asking;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod state;
mod tokens;
pub(crate) mod verdicts;
