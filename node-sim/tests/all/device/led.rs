//! The LED while the network blocks, in the device's own run loop.

use core::time::Duration;
use std::fs;
use std::process::Command;

use jarvis_node::daemon::run_loop::Notice;
use node_core::outcome::Outcome;
use serde_json::json;
use test_support::pin::RecordingPin;
use test_support::process::signal;
use test_support::rig::Rig;
use test_support::rude::silent_server;
use test_support::run_loop::{RunLoop, lit_by};
use test_support::waiting::{PATIENCE, undisturbed, until};

#[test]
fn led_missing_at_start_is_opened_later() {
    let rig = Rig::new();
    let pin = RecordingPin::default();
    let (lamp, mut tries) = (pin.clone(), 0);
    let open_lamp = move || {
        tries += 1;
        (tries > 1).then(|| lit_by(&lamp))
    };
    let node = RunLoop::with_lamp(rig.config(), open_lamp, |_| ());
    until("the LED is lit", || pin.changes() > 0);
    node.stop();
}

#[test]
fn led_blinks_while_a_request_hangs_and_ends_dark() {
    let _undisturbed = undisturbed();
    let rig = Rig::new();
    rig.configure("auth_url", format!("http://{}", silent_server()));
    let pin = RecordingPin::default();
    let node = RunLoop::start(rig.config(), &pin, |_| ());
    until("twenty changes of the LED", || pin.changes() >= 20);
    node.stop();
    let edges = pin.edges();
    // 100 ms on, 100 ms off, with no gap as long as a blocked loop would make.
    let mut gaps: Vec<_> = edges.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    gaps.sort();
    let middle = gaps[gaps.len() / 2];
    assert!((Duration::from_millis(80)..Duration::from_millis(160)).contains(&middle), "{gaps:?}");
    assert!(!pin.is_lit(), "left lit");
}

#[test]
fn quiet_led_is_dark_while_valid_and_shows_a_rejection() {
    let rig = Rig::new();
    rig.configure("led", json!({ "quiet": true }));
    let pin = RecordingPin::default();
    let (tell, told) = std::sync::mpsc::channel();
    let node = RunLoop::start(rig.config(), &pin, move |notice| {
        if let Notice::Shown(report) = notice {
            let _ = tell.send(report.outcome);
        }
    });
    while told.recv_timeout(PATIENCE).unwrap() != Outcome::Valid {}
    assert!(!pin.is_lit());
    pin.begin_again();
    rig.stub.deactivate("kitchen-pi");
    node.reload();
    while told.recv_timeout(PATIENCE).unwrap() != Outcome::NodeRejected {}
    until("four flashes and the next", || pin.changes() >= 9);
    node.stop();
    assert!(!pin.is_lit());
}

/// The commands that show where the board is, told to the daemon of this rig.
fn find(rig: &Rig) -> Command {
    let mut command = Command::new(test_support::binaries::jarvis_node());
    command.args(["led", "find", "--config"]).arg(rig.config());
    command
}

#[test]
fn daemon_shows_where_its_board_is_until_that_is_ended() {
    let _undisturbed = undisturbed();
    let rig = Rig::new();
    rig.configure("led", json!({ "gpio": 26 }));
    let pin = RecordingPin::default();
    let node = RunLoop::start(rig.config(), &pin, |_| ());
    until("it is valid", || {
        let output = rig.command("status").arg("--json").output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains(r#""outcome":"valid""#)
    });
    // By Ctrl-C, by a session that is gone, and by another command.
    for end in ["INT", "HUP", ""] {
        until("it is steady", || pin.is_lit());
        pin.begin_again();
        let mut finding = find(&rig).spawn().unwrap();
        until("it flickers", || pin.changes() >= 12);
        if end.is_empty() {
            assert!(find(&rig).arg("--stop").status().unwrap().success());
        } else {
            signal(finding.id(), end);
        }
        assert_eq!(finding.wait().unwrap().code(), Some(0), "{end}");
        assert!(!fs::exists(rig.path("led-find")).unwrap());
    }
    until("it is steady again", || {
        pin.begin_again();
        std::thread::sleep(Duration::from_millis(1500));
        pin.changes() == 1
    });
    node.stop();
}

#[test]
fn led_find_without_an_led_is_refused() {
    let rig = Rig::new();
    rig.configure("led", "none");
    assert_eq!(find(&rig).status().unwrap().code(), Some(78));
    assert_eq!(find(&rig).arg("--stop").status().unwrap().code(), Some(0));
}
