//! What keeps this program's memory, and with it the keys, to itself.

use log::debug;

/// Locked memory counts address space, of which this program needs some 3 MB. Below this limit a later
/// allocation could fail for the lock's sake, and a node that runs matters more.
#[cfg(target_os = "linux")]
const ENOUGH_LOCKABLE: u64 = 8 * 1024 * 1024;

/// No core dump, and no debugger, `/proc/PID/mem` or `/proc/PID/environ` for other programs of the same
/// user (prctl(2), `PR_SET_DUMPABLE`). Root can look all the same.
pub fn conceal() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(e) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            debug!("other programs of this user can look into this one: {e}");
        }
    }
}

/// Keeps all memory out of swap, which on a Raspberry Pi is a file on the card, where a key would stay
/// for years. Locks only pages that are used, so it costs no memory (mlockall(2), `MCL_ONFAULT`).
pub fn lock_memory() {
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{MlockAllFlags, mlockall};
        use rustix::process::{Resource, getrlimit};
        if getrlimit(Resource::Memlock).current.is_some_and(|limit| limit < ENOUGH_LOCKABLE) {
            debug!("memory may be swapped out: less than 8 MiB may be locked (ulimit -l)");
            return;
        }
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        if let Err(e) = mlockall(all) {
            debug!("memory may be swapped out: {e}");
        }
    }
}

/// Lets this program have `wanted` descriptors, as far as the hard limit goes; returns how many it may have.
/// (The soft limit's usual 1,024 is there for programs that use select(2).)
#[must_use]
pub fn allow_descriptors(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit at all.
    let Some(soft) = current.filter(|soft| *soft < wanted) else { return wanted };
    let raised = maximum.map_or(wanted, |hard| wanted.min(hard));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => soft,
    }
}
