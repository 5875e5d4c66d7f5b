//! The broker from outside: the real binary as a daemon, a token service for it to ask, and callers of every
//! kind at its socket.

mod answers;
mod changes;
mod described;
mod guide;
mod led;
mod life;
mod many;
mod metrics;
mod named;
mod other_users;
mod rig;
mod rude;
mod secrets;
mod speed;

use test_support::caller;
