//! How many connections the system lets this program have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open descriptors to `wanted`, or as far as the hard limit allows; returns the new limit.
/// (The usual soft limit of 1,024 exists for programs that use select(2).)
pub(super) fn raise_limit(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` stands for no limit at all.
    let Some(soft) = current.filter(|soft| *soft < wanted) else { return wanted };
    let raised = maximum.map_or(wanted, |hard| wanted.min(hard));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => soft,
    }
}
