//! The page of `node-sim board` in headless Chromium, through chromedriver.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod board;
mod browser;
mod connection;
mod controls;
mod keyboard;
mod led;
mod looks;
mod pictures;
mod real_server;
mod strangers;
