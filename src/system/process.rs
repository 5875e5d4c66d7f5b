//! Which process left something, to tell later whether it still runs. By its number and the moment of its start, since
//! numbers are used again (proc_pid_stat(5)).

use std::fs;
use std::io::ErrorKind;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process of this boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pid: u32,
    /// In clock ticks since boot.
    started: u64,
    /// Where the number means this process (pid_namespaces(7)).
    namespace: String,
}

impl ProcessId {
    /// This process; `None` where the system does not tell.
    pub(crate) fn own() -> Option<&'static Self> {
        static OWN: OnceLock<Option<ProcessId>> = OnceLock::new();
        let read = || {
            let namespace = fs::read_link("/proc/self/ns/pid").ok()?.to_string_lossy().into_owned();
            let (_, started) = state("self").ok()??;
            Some(Self { pid: std::process::id(), started, namespace })
        };
        OWN.get_or_init(read).as_ref()
    }

    /// Whether the process is known to have ended.
    pub(crate) fn has_ended(&self) -> bool {
        if Self::own().is_none_or(|own| own.namespace != self.namespace) {
            return false;
        }
        match state(&self.pid.to_string()) {
            Ok(Some((state, started))) => started != self.started || matches!(state, 'Z' | 'X'),
            Ok(None) => false,
            // Or it is hidden from this user (`hidepid=`), who can still be told that there is one.
            Err(why) if why.kind() == ErrorKind::NotFound => {
                let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
                pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
            }
            Err(_) => false,
        }
    }
}

/// The state and the start of the process that has this name in /proc.
fn state(name: &str) -> std::io::Result<Option<(char, u64)>> {
    let text = fs::read_to_string(format!("/proc/{name}/stat"))?;
    // The second field is the program's name in parentheses, with whatever it consists of.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace());
    Ok(fields.and_then(|mut fields| {
        let state = fields.next()?.chars().next()?;
        Some((state, fields.nth(18)?.parse().ok()?))
    }))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn process_has_ended_when_it_is_gone_or_its_number_is_anothers() {
        let own = ProcessId::own().expect("Linux tells");
        assert!(!own.has_ended());
        assert!(ProcessId { started: own.started - 1, ..own.clone() }.has_ended());
        let mut child = Command::new("true").spawn().expect("there");
        let (_, started) = state(&child.id().to_string()).expect("not waited for").expect("read");
        let of_child = ProcessId { pid: child.id(), started, ..own.clone() };
        child.wait().expect("ended");
        assert!(of_child.has_ended());
        let elsewhere = ProcessId { namespace: "pid:[1]".into(), ..of_child };
        assert!(!elsewhere.has_ended(), "the number means another process here");
    }
}
