//! What the release build's broker takes with tokens of Keycloak, which are longer than the stub's: `cargo test -p
//! node-sim --features keycloak --test keycloak -- --ignored --nocapture budgets`.

use core::time::Duration;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use test_support::binaries::built;
use test_support::daemon::Daemon;
use test_support::process::signal;

use crate::realm::{COORDINATOR, GATEWAY, Realm, node};
use crate::rig::Rig;
use crate::server::{self, Place};

const CALLS: usize = 10_000;
const WAITING: usize = 200;

/// The process of Keycloak that has its files in `dir`.
fn keycloak_in(dir: &Path) -> u32 {
    let of_java = |pid: u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        // As it was found in PATH, or in JAVA_HOME.
        let is_java = command.split('\0').next().is_some_and(|program| program.ends_with("java"));
        is_java && command.contains(dir.to_str().unwrap())
    };
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    processes.into_iter().find(|pid| of_java(*pid)).expect("a Keycloak that runs")
}

/// A process that stands still until this is dropped.
struct Hung(u32);

impl Hung {
    fn new(pid: u32) -> Self {
        signal(pid, "STOP");
        Self(pid)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

/// A line of the daemon's process in `/proc`, such as `Threads`, as a number.
fn process(daemon: &Daemon, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "a benchmark of the release build"]
#[expect(clippy::print_stderr, reason = "figures for people")]
fn broker_keeps_to_its_budgets_while_keycloak_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let keycloak = server::start(|run| {
        run.arg("--directory").arg(dir.path());
    });
    let rig = Rig::new(Realm::new(&Place::of(&keycloak), 3600, json!([node()])));
    for timeout in ["connect_timeout_secs", "request_timeout_secs"] {
        rig.node.configure(timeout, 300);
    }
    let daemon = rig.daemon_by(&mut rig.node.command_of(&built("jarvis-node", &["--release"]), "run"));
    assert_eq!(rig.get(GATEWAY).status, 200);
    let hung = Hung::new(keycloak_in(dir.path()));
    let callers: Vec<_> = (0..WAITING).map(|_| rig.asking(COORDINATOR)).collect();
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(rig.get(GATEWAY).status, 200);
            start.elapsed()
        })
        .collect();
    times.sort();
    let (memory, threads) = (process(&daemon, "RssAnon"), process(&daemon, "Threads"));
    drop(hung);
    assert!(callers.into_iter().all(|caller| caller.answer().status == 200), "one answer serves them all");
    let [p50, p99] = [500, 990].map(|permille| times[CALLS * permille / 1000]);
    eprintln!(
        "{CALLS} calls, {WAITING} waiting: p50 {p50:?}, p99 {p99:?}; RssAnon {memory} KiB, {threads} threads"
    );
    // On a machine with nothing else to do p99 keeps to this, too.
    assert!(memory <= 1000 && threads <= 3 && p50 < Duration::from_millis(1));
}
