//! The LED under a crowd of callers, in the device's own run loop.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use test_support::pin::RecordingPin;
use test_support::rude::silent_server;
use test_support::run_loop::RunLoop;
use test_support::waiting::{PATIENCE, undisturbed, until};

use super::caller::{Caller, request};
use super::rig::{COORDINATOR, GATEWAY, Rig};

#[test]
fn led_under_a_crowd_of_callers_keeps_its_rhythm() {
    let _undisturbed = undisturbed();
    let rig = Rig::new();
    // Without a verdict the LED blinks evenly.
    rig.node.configure("auth_url", format!("http://{}", silent_server()));
    rig.node.configure("request_timeout_secs", 600);
    let pin = RecordingPin::default();
    let node = RunLoop::start(rig.node.config(), &pin, |_| ());
    let socket = rig.socket();
    until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    assert_eq!(rig.get(GATEWAY).status, 200);
    rig.fault("body-stall");
    let waiting: Vec<_> = (0..300).map(|_| rig.asking(COORDINATOR)).collect();
    let (enough, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let before = pin.changes();
    thread::scope(|scope| {
        for target in [GATEWAY, "/v1/health", "/v1/status", "/nowhere"] {
            let (socket, enough, answered) = (&socket, &enough, &answered);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let mut caller = Caller::at(socket);
                    assert!(caller.send(&request("GET", target)));
                    caller.answer();
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let end = Instant::now() + PATIENCE;
        while pin.changes() < before + 40 && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        enough.store(true, Ordering::Relaxed);
    });
    assert!(!waiting.iter().any(Caller::is_answered));
    node.stop();
    let edges = &pin.edges()[before..];
    let mut gaps: Vec<_> = edges.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    gaps.sort();
    let answered = answered.into_inner();
    assert!(gaps.len() >= 39 && answered > 200, "{answered} answers, and the LED: {gaps:?}");
    // 100 ms on, 100 ms off.
    let middle = gaps[gaps.len() / 2];
    assert!((Duration::from_millis(80)..Duration::from_millis(500)).contains(&middle), "{gaps:?}");
}
