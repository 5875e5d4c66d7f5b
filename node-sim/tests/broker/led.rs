//! The LED under a crowd of callers, in the device's own run loop.

use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use embedded_hal::digital::{ErrorType, OutputPin, PinState};
use jarvis_node::daemon::inbox;
use jarvis_node::daemon::inbox::Message;
use jarvis_node::daemon::run_loop::{Node, Notice};
use jarvis_node::setup::Reader;
use node_core::lamp::Lamp;

use super::caller::{Caller, request};
use super::device::PATIENCE;
use super::device::rude_server;
use super::rig::{COORDINATOR, GATEWAY, Rig, until};

/// Notes when the level changes.
#[derive(Clone, Default)]
struct Pin(Arc<Mutex<Vec<(Instant, bool)>>>);

impl ErrorType for Pin {
    type Error = Infallible;
}

impl Pin {
    fn set(&self, lit: bool) {
        let mut edges = self.0.lock().unwrap();
        // A level that is only confirmed is no edge.
        if edges.last().is_none_or(|(_, was)| *was != lit) {
            edges.push((Instant::now(), lit));
        }
    }
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set(true);
        Ok(())
    }
}

#[test]
fn it_blinks_on_while_hundreds_wait_and_others_ask_without_end() {
    let rig = Rig::new();
    let silent = rude_server(|stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    // No verdict ever: even blinking.
    rig.node.configure("auth_url", format!("http://{silent}"));
    rig.node.configure("request_timeout_secs", 600);
    let pin = Pin::default();
    let lamp = pin.clone();
    let (sender, inbox) = inbox::channel().unwrap();
    let (reader, own_end) = (Reader::new(rig.node.config()), sender.clone());
    let node = thread::spawn(move || {
        let mut open_lamp = |_: &_| Some(Lamp::new(lamp.clone(), PinState::High));
        let mut notify = |_: Notice<'_>| {};
        Node::new(1, reader, (own_end, inbox), &mut open_lamp, &mut notify).and_then(Node::run).unwrap();
    });
    let socket = rig.socket();
    until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    assert_eq!(rig.get(GATEWAY).status, 200);
    rig.fault("body-stall");
    let waiting: Vec<_> = (0..300).map(|_| rig.asking(COORDINATOR)).collect();
    let (enough, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let before = pin.0.lock().unwrap().len();
    thread::scope(|scope| {
        for target in [GATEWAY, "/v1/health", "/v1/status", "/nowhere"] {
            let (socket, enough, answered) = (&socket, &enough, &answered);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let mut caller = Caller::at(socket);
                    assert!(caller.says(&request("GET", target)));
                    caller.answer();
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let until = Instant::now() + PATIENCE;
        while pin.0.lock().unwrap().len() < before + 40 && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        enough.store(true, Ordering::Relaxed);
    });
    assert!(!waiting.iter().any(Caller::is_answered));
    sender.send(Message::Stop);
    node.join().unwrap();
    let edges = &pin.0.lock().unwrap()[before..];
    let mut gaps: Vec<_> = edges.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    gaps.sort();
    let answered = answered.into_inner();
    assert!(gaps.len() >= 39 && answered > 200, "{answered} answers, and the LED: {gaps:?}");
    // 100 ms on, 100 ms off.
    let middle = gaps[gaps.len() / 2];
    assert!((Duration::from_millis(80)..Duration::from_millis(500)).contains(&middle), "{gaps:?}");
}
