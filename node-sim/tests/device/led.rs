//! The LED while the network blocks, in the device's own run loop.

use core::convert::Infallible;
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use embedded_hal::digital::{ErrorType, OutputPin, PinState};
use jarvis_node::host::config::Led;
use jarvis_node::host::inbox::{self, Message};
use jarvis_node::host::run::{Node, Notice};
use jarvis_node::host::setup::Reader;
use jarvis_node::lamp::Lamp;

use super::rig::{PATIENCE, Rig, rude_server};

#[derive(Clone, Default)]
struct Edges(Arc<Mutex<Vec<(Instant, bool)>>>);

impl ErrorType for Edges {
    type Error = Infallible;
}

impl OutputPin for Edges {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.lock().unwrap().push((Instant::now(), false));
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.lock().unwrap().push((Instant::now(), true));
        Ok(())
    }
}

#[test]
fn it_blinks_on_while_a_request_hangs_and_is_dark_at_the_end() {
    let rig = Rig::new();
    let silent = rude_server(|stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    });
    rig.configure("auth_url", format!("http://{silent}"));
    let (sender, inbox) = inbox::channel().unwrap();
    let edges = Edges::default();
    let config = rig.config();
    let node = {
        let (sender, edges) = (sender.clone(), edges.clone());
        thread::spawn(move || {
            let mut open_lamp = |_: &Led| Some(Lamp::new(edges.clone(), PinState::High));
            let mut notify = |_: Notice<'_>| {};
            Node::new(1, Reader::new(config), (sender, inbox), &mut open_lamp, &mut notify)
                .and_then(Node::run)
                .unwrap();
        })
    };
    let until = Instant::now() + PATIENCE;
    while edges.0.lock().unwrap().len() < 20 {
        assert!(Instant::now() < until, "the LED stands still: {:?}", edges.0.lock().unwrap());
        thread::sleep(Duration::from_millis(10));
    }
    sender.send(Message::Stop);
    node.join().unwrap();
    let edges = edges.0.lock().unwrap();
    // 100 ms on, 100 ms off: on, off, on… with no gap as long as a blocked loop would make.
    assert!(edges.windows(2).all(|pair| pair[0].1 != pair[1].1), "{edges:?}");
    let mut gaps: Vec<_> = edges.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    gaps.sort();
    let middle = gaps[gaps.len() / 2];
    assert!((Duration::from_millis(80)..Duration::from_millis(160)).contains(&middle), "{gaps:?}");
    assert!(edges.last().is_some_and(|(_, lit)| !lit), "left lit");
}
