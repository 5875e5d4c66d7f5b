//! `jarvis-node request`, from outside: the real binary with a real daemon, against the stub's services and
//! ones that answer what they are told to.

mod backend;
mod gateway;
mod limits;
mod refusals;
mod rig;
mod service;
