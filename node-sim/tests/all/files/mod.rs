//! The node's files as people have them, and what is told of those that cannot be used.

mod bundle;
mod canary;
mod forms;
mod keys;
mod store;
