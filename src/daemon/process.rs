//! Keeps other programs from reading this one's memory, and with it the keys.

use std::sync::Arc;

use log::debug;

/// Locked memory counts address space, of which this program needs about 3 MB. With a limit below this a later
/// allocation could fail because of the lock, and it matters more that the node runs.
#[cfg(target_os = "linux")]
const ENOUGH_LOCKABLE: u64 = 8 * 1024 * 1024;

/// Forbids core dumps, and debuggers, `/proc/PID/mem` and `/proc/PID/environ` to other programs of the same user
/// (prctl(2), `PR_SET_DUMPABLE`). Root can read all of it nevertheless.
pub(crate) fn conceal() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(e) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            debug!("other programs of this user can look into this one: {e}");
        }
    }
}

/// Makes a write beyond a limit of the file's size (setrlimit(2), `RLIMIT_FSIZE`) an error like others, which it is only
/// where its signal does not end the program.
pub(crate) fn survive_file_size_limit() {
    #[cfg(unix)]
    if let Err(e) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()) {
        debug!("a limit of file sizes would end this program: {e}");
    }
}

/// Keeps all memory out of swap, which on a Raspberry Pi is a file on the card, where a key would stay for years.
/// Only pages in use are locked, so this costs no memory (mlockall(2), `MCL_ONFAULT`).
pub(crate) fn lock_memory() {
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
