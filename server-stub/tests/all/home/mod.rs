//! A household's services over a socket, in the manner of both homes.

mod auth;
mod command_center;
mod outages;
mod replay;
mod updates;
