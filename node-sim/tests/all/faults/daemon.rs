//! A daemon that is valid before the fault, and must be valid again after it.

use std::fs;
use std::thread;
use std::time::Instant;

use core::time::Duration;

use serde_json::Value;
use server_stub::{Faults, Stub};

use super::Complaints;
use super::setting::{MEMORY_KIB, Setting};
use super::table::Row;
use test_support::daemon::Daemon;
use test_support::waiting::PATIENCE;

/// The longest time until the next check, in seconds: five minutes, spread by a tenth; twice that for a node or
/// app that was rejected.
const NEXT_CHECK_SECS: (u64, u64) = (330, 660);

pub(super) fn complaints(row: &Row) -> Complaints {
    let setting = Setting::new(row, Faults::NONE);
    let stub = &setting.rig.stub;
    let mut daemon = Daemon::start(&mut setting.command("run"));
    daemon.comes_to("valid");
    let mut all = Complaints::new();

    stub.set_faults(row.faults()).unwrap();
    let before = stub.validations();
    daemon.signal("HUP");
    if row.kept() != "valid" {
        daemon.comes_to(row.kept());
    } else if !asked_since(stub, before) {
        all.push("it does not ask again".into());
    }
    let status = settled(&setting, row.kept());
    if status["outcome"] != row.kept() {
        all.push(format!("the daemon says {status} instead of {}", row.kept()));
    }
    let most = if row.outcome.ends_with("-rejected") { NEXT_CHECK_SECS.1 } else { NEXT_CHECK_SECS.0 };
    if status["next_check_secs"].as_u64().is_some_and(|secs| secs > most) {
        all.push(format!("it asks again only after {} s", status["next_check_secs"]));
    }
    let peak = peak_kib(daemon.pid());
    if peak.is_none_or(|kib| kib > MEMORY_KIB) {
        all.push(format!("the daemon's peak memory is {peak:?} KiB"));
    }

    stub.set_faults(Faults::NONE).unwrap();
    let before = stub.validations();
    daemon.signal("HUP");
    if row.kept() != "valid" {
        daemon.comes_to("valid");
    }
    if !asked_since(stub, before) {
        all.push("it does not ask again when all is well".into());
    }
    let status = settled(&setting, "valid");
    if (&status["outcome"], &status["source"]) != (&"valid".into(), &"server".into()) {
        all.push(format!("when all is well again the daemon says {status}"));
    }
    let (status, _, lines) = daemon.end();
    let lines = lines.join("\n");
    if status.code() != Some(0) {
        all.push(format!("the daemon ends with {status}"));
    }
    all.extend(setting.keys.leaks("the daemon's log", lines.as_bytes()));
    if let Some(line) = lines.lines().find(|line| line.chars().any(char::is_control)) {
        all.push(format!("control characters in {line:?}"));
    }
    all.extend(setting.complaints());
    all
}

/// Waits for a validation after the first `before`; false if none comes.
fn asked_since(stub: &Stub, before: u64) -> bool {
    let until = Instant::now() + PATIENCE;
    while stub.validations() == before && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    stub.validations() > before
}

/// Waits for a status with `outcome`; returns the last one if that takes too long.
fn settled(setting: &Setting, outcome: &str) -> Value {
    let until = Instant::now() + PATIENCE / 4;
    loop {
        let status = setting.status().unwrap_or_default();
        if status["outcome"] == outcome || Instant::now() > until {
            return status;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The most memory a process has ever had in use.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
