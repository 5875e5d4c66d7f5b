//! What the operating system knows: the time, files, variables, processes, and the board's users and groups.

pub(crate) mod accounts;
pub(crate) mod bounded;
pub mod clock;
pub(crate) mod environment;
pub(crate) mod failure;
pub(crate) mod own;
pub(crate) mod process;
pub(crate) mod way;
pub(crate) mod wiped;
