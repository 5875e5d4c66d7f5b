//! The LED while the network blocks, in the device's own run loop.

use core::convert::Infallible;
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use embedded_hal::digital::{ErrorType, OutputPin, PinState};
use jarvis_node::config::Led;
use jarvis_node::daemon::inbox;
use jarvis_node::daemon::inbox::{Message, Sender};
use jarvis_node::daemon::run_loop::{Node, Notice};
use jarvis_node::setup::Reader;
use node_core::lamp::Lamp;

use super::rig::{PATIENCE, Rig, rude_server};

#[derive(Clone, Default)]
struct Edges(Arc<Mutex<Vec<(Instant, bool)>>>);

impl ErrorType for Edges {
    type Error = Infallible;
}

impl Edges {
    /// A level that is only confirmed is no edge.
    fn set(&self, high: bool) {
        let mut edges = self.0.lock().unwrap();
        if edges.last().is_none_or(|(_, was)| *was != high) {
            edges.push((Instant::now(), high));
        }
    }
}

impl OutputPin for Edges {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.set(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.set(true);
        Ok(())
    }
}

/// The run loop on a thread, with the lamp that `open_lamp` gives; a way to tell it things.
fn running(
    rig: &Rig,
    mut open_lamp: impl FnMut(&Led) -> Option<Lamp<Edges>> + Send + 'static,
) -> (Sender, JoinHandle<()>) {
    let (sender, inbox) = inbox::channel().unwrap();
    let (reader, own_end) = (Reader::new(rig.config()), sender.clone());
    let node = thread::spawn(move || {
        let mut notify = |_: Notice<'_>| {};
        Node::new(1, reader, (own_end, inbox), &mut open_lamp, &mut notify).and_then(Node::run).unwrap();
    });
    (sender, node)
}

#[test]
fn one_that_could_not_be_had_at_the_start_is_had_after_a_reload() {
    let rig = Rig::new();
    let edges = Edges::default();
    let (lamp, mut tries) = (edges.clone(), 0);
    let (sender, node) = running(&rig, move |_| {
        tries += 1;
        (tries > 1).then(|| Lamp::new(lamp.clone(), PinState::High))
    });
    let until = Instant::now() + PATIENCE;
    while rig.stub.validations() == 0 {
        assert!(Instant::now() < until, "never validated without its LED");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(edges.0.lock().unwrap().is_empty());
    sender.send(Message::Reload);
    while edges.0.lock().unwrap().is_empty() {
        assert!(Instant::now() < until, "never tried again");
        thread::sleep(Duration::from_millis(10));
    }
    sender.send(Message::Stop);
    node.join().unwrap();
}

#[test]
fn it_blinks_on_while_a_request_hangs_and_is_dark_at_the_end() {
    let rig = Rig::new();
    let silent = rude_server(|stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    rig.configure("auth_url", format!("http://{silent}"));
    let edges = Edges::default();
    let lamp = edges.clone();
    let (sender, node) = running(&rig, move |_| Some(Lamp::new(lamp.clone(), PinState::High)));
    let until = Instant::now() + PATIENCE;
    while edges.0.lock().unwrap().len() < 20 {
        assert!(Instant::now() < until, "the LED stands still: {:?}", edges.0.lock().unwrap());
        thread::sleep(Duration::from_millis(10));
    }
    sender.send(Message::Stop);
    node.join().unwrap();
    let edges = edges.0.lock().unwrap();
    // 100 ms on, 100 ms off, with no gap as long as a blocked loop would make.
    let mut gaps: Vec<_> = edges.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    gaps.sort();
    let middle = gaps[gaps.len() / 2];
    assert!((Duration::from_millis(80)..Duration::from_millis(160)).contains(&middle), "{gaps:?}");
    assert!(edges.last().is_some_and(|(_, lit)| !lit), "left lit");
}
