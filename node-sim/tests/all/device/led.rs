//! The LED while the network blocks, in the device's own run loop.

use core::time::Duration;

use test_support::pin::RecordingPin;
use test_support::rig::Rig;
use test_support::rude::silent_server;
use test_support::run_loop::{RunLoop, lit_by};
use test_support::waiting::{undisturbed, until};

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
