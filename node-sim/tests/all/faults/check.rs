//! One call by `jarvis-node check`, on a node that has no verdict yet.

use core::time::Duration;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use super::Complaints;
use super::setting::{MEMORY_KIB, Setting};
use super::table::{Row, SLACK};

pub(super) fn complaints(row: &Row) -> Complaints {
    let setting = Setting::new(row, row.faults());
    let start = Instant::now();
    let output = bounded(setting.command("check").arg("--json")).stdin(Stdio::null()).output().unwrap();
    let took = start.elapsed();
    let mut all = Complaints::new();
    let told = String::from_utf8_lossy(&output.stdout);
    let view: Value = serde_json::from_str(&told).unwrap_or_default();
    if view["outcome"] != row.outcome {
        let stderr = String::from_utf8_lossy(&output.stderr);
        all.push(format!("check says {told:?} instead of {}; {stderr}", row.outcome));
    }
    if output.status.code() != Some(row.exit_code()) {
        all.push(format!("check ends with {} instead of {}", output.status, row.exit_code()));
    }
    if row.is_verdict() && view["source"] != "server" {
        all.push(format!("check names the source {}", view["source"]));
    }
    if row.outcome != "valid" && [&view["reason"], &view["fix"]].map(Value::as_str).contains(&None) {
        all.push(format!("no reason or no fix: {view}"));
    }
    let deadline = Duration::from_secs(row.deadline_secs());
    if took > deadline + SLACK {
        all.push(format!("the verdict took {took:?}, {deadline:?} were allowed"));
    }
    if let Some(least) = row.at_least
        && took < least
    {
        all.push(format!("the verdict took {took:?} only, so the fault was never met"));
    }
    if row.never_asked() && setting.rig.stub.validations() > 0 {
        all.push("a server that proved nothing was shown the keys".into());
    }
    if told.chars().any(|c| c.is_control() && c != '\n') {
        all.push(format!("control characters in {told:?}"));
    }
    all.extend(setting.keys.leaks("standard output", &output.stdout));
    all.extend(setting.keys.leaks("the log", &output.stderr));
    all.extend(setting.complaints());
    all
}

/// `command` under a limit on its address space. Unlike a measurement of memory, the limit misses no moment.
fn bounded(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    let limited = format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"");
    shell.arg("-c").arg(limited).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Without this the limit might have no effect.
#[test]
fn memory_bound_is_enforced() {
    let mut greedy = Command::new("sh");
    greedy.args(["-c", "x=$(head -c 40000000 /dev/zero | tr '\\0' x); echo ${#x}"]);
    let output = bounded(&greedy).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("40000000"), "{output:?}");
    assert!(greedy.output().unwrap().stdout.starts_with(b"40000000"));
}
