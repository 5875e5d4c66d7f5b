//! What the operating system knows: the time, files, and the board's users and groups.

pub(crate) mod accounts;
pub(crate) mod bounded;
pub mod clock;
