//! Every fault of a service, and faults of a board, before `jarvis-node doctor`: exactly the check of the table fails. Then
//! the fault is ended, as the fix says, and no check fails any more.

#[cfg(target_os = "linux")]
mod board;
mod homes;
#[cfg(target_os = "linux")]
mod place;
mod servers;
#[cfg(target_os = "linux")]
mod tokens;
mod unit;
mod warnings;

use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use super::Complaints;

/// The checks that fail, by what `doctor --json` has printed.
fn failing(told: &Value) -> Vec<&str> {
    with_verdict(told, "fail").collect()
}

fn with_verdict<'a>(told: &'a Value, verdict: &str) -> impl Iterator<Item = &'a str> {
    let checks = told["checks"].as_array().into_iter().flatten();
    checks.filter(move |found| found["verdict"] == verdict).filter_map(|found| found["check"].as_str())
}

/// What `command`, which is `doctor`, says in JSON.
fn told(command: &mut Command) -> Value {
    let Output { status, stdout, stderr } = command.arg("--json").output().unwrap();
    let told: Value = serde_json::from_slice(&stdout).unwrap_or_else(|why| {
        panic!("{why}: {}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
    });
    let is_bad = !failing(&told).is_empty();
    assert_eq!(status.code(), Some(i32::from(is_bad)), "{told}");
    for found in told["checks"].as_array().unwrap() {
        let (verdict, fix) = (found["verdict"].as_str().unwrap(), found["fix"].as_str());
        assert!(found["says"].as_str().is_some_and(|says| !says.is_empty()), "{found}");
        assert_eq!(fix.is_some_and(|fix| !fix.is_empty()), matches!(verdict, "warn" | "fail"), "{found}");
        assert_eq!(found["waits_for"].is_string(), verdict == "skipped", "{found}");
    }
    told
}

/// Complains unless exactly the check `expected` fails, or none if it is empty.
fn complaints(fault: &str, expected: &str, told: &Value) -> Complaints {
    let failing = failing(told);
    let is_right = failing.iter().copied().eq(Some(expected).filter(|expected| !expected.is_empty()));
    let checks =
        || told["checks"].as_array().into_iter().flatten().filter(|found| found["verdict"] == "fail");
    if is_right {
        Complaints::new()
    } else {
        vec![format!("{fault}: {failing:?} instead of {expected:?}: {:?}", checks().collect::<Vec<_>>())]
    }
}

/// Walks `rows`, some at once, and panics with all complaints.
fn walk<Row: Sync>(rows: &[Row], at_once: usize, look: impl Fn(&Row) -> Complaints + Sync) {
    let (left, complaints) = (Mutex::new(rows.iter()), Mutex::new(Complaints::new()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let Some(row) = left.lock().unwrap().next() else { break };
                    let found = look(row);
                    complaints.lock().unwrap().extend(found);
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{} of {} rows:\n{}", complaints.len(), rows.len(), complaints.join("\n"));
}
