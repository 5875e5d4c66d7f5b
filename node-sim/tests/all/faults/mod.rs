//! Every fault of the stub against the device's own binary over TLS: the outcome, the LED, the exit code, the
//! time and memory taken, and that no key leaks.

use std::sync::Mutex;
use std::thread;

use server_stub::Fault;
use test_support::binaries::jarvis_node;
use test_support::waiting::undisturbed;

use table::{Row, TABLE};

mod bystander;
mod check;
mod daemon;
mod doctor;
mod leaks;
mod light;
mod over_time;
mod setting;
mod table;

/// How many rows at once: they mostly wait.
const AT_ONCE: usize = 24;

/// What went wrong in a row, a sentence each.
type Complaints = Vec<String>;

#[test]
fn every_fault_has_a_row() {
    // Faults of tokens belong to the token service.
    for fault in Fault::all().filter(|fault| !fault.is_of_tokens() && fault.home_service().is_none()) {
        let rows = TABLE.iter().filter(|row| row.faults.split(',').any(|name| name == fault.name()));
        assert!(rows.count() > 0, "{fault} is in no row");
    }
    for row in TABLE {
        assert!(row.faults().iter().count() > 0, "{} names no fault", row.faults);
    }
}

/// `FAULT=body` in the environment runs only the rows whose name contains `body`.
#[test]
fn each_fault_is_what_the_table_says() {
    let _undisturbed = undisturbed();
    let wanted = std::env::var("FAULT").unwrap_or_default();
    let rows = Mutex::new(TABLE.iter().filter(|row| row.faults.contains(&wanted)));
    let complaints = Mutex::new(Complaints::new());
    // Built first, so that no row's time includes the build.
    jarvis_node();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(row) = rows.lock().unwrap().next() else { break };
                    let found = complaints_of(row);
                    let told = found.into_iter().map(|complaint| format!("{}: {complaint}", row.faults));
                    complaints.lock().unwrap().extend(told);
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(
        complaints.is_empty(),
        "{} of {} rows:\n{}",
        complaints.len(),
        TABLE.len(),
        complaints.join("\n")
    );
}

/// Runs a row three ways at once: one call, the LED from the first call on, and a daemon that was valid.
fn complaints_of(row: &Row) -> Complaints {
    thread::scope(|scope| {
        let sides: [fn(&Row) -> Complaints; 3] = [check::complaints, light::complaints, daemon::complaints];
        let sides = sides.map(|side| scope.spawn(move || side(row)));
        let panicked = || vec!["could not be tried; see above".to_owned()];
        sides.into_iter().flat_map(|side| side.join().unwrap_or_else(|_| panicked())).collect()
    })
}
