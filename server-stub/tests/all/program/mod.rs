//! The program and the folder it keeps.

mod folder;
mod home;
mod services;
