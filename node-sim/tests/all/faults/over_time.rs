//! Faults that show only over several calls.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::waiting::PATIENCE;

/// The service closes a connection after five idle seconds. Calls five seconds apart arrive just before that
/// moment or just after it.
#[test]
fn calls_five_seconds_apart_meet_no_closing_connection() {
    let rig = Rig::new();
    rig.configure("revalidate_secs", 5);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let until = Instant::now() + PATIENCE;
    while rig.stub.validations() < 5 {
        assert!(Instant::now() < until, "only {} calls", rig.stub.validations());
        thread::sleep(Duration::from_millis(50));
    }
    let (_, _, lines) = daemon.end();
    assert_eq!(lines.len(), 2, "starting, valid and no more: {lines:#?}");
}

/// A few failures in a row lead to a cached verdict and nothing worse.
#[test]
fn server_failing_a_few_times_is_asked_again() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    rig.stub.fault_next(3, "status-503".parse().unwrap()).unwrap();
    daemon.signal("HUP");
    daemon.comes_to("valid-cached");
    // The node retries by itself, at random moments up to 2, 4 and 8 s after each failure.
    daemon.comes_to("valid");
    assert_eq!(rig.stub.validations(), 2);
    daemon.stop();
}
