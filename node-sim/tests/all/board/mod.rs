//! `node-sim board` over plain HTTP, as its page uses it, but without a browser.

mod controls;
mod credential;
mod door;
mod edges;
mod life;
mod real_server;
mod rig;
mod secrets;
mod streams;
