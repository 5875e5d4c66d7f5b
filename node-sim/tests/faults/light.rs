//! The LED of a node that has no verdict yet, in the device's own run loop.

use core::convert::Infallible;
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
use node_core::outcome::Outcome;

use super::Complaints;
use super::rig::PATIENCE;
use super::setting::Setting;
use super::table::{Light, Row};

/// Dark for longer than between two flashes (0.2 s), and not as long as between two groups (1.2 s).
const BETWEEN_GROUPS: Duration = Duration::from_millis(700);
/// Lit without a break for longer than any flash.
const STEADY: Duration = Duration::from_millis(2500);

/// So many are looked at: on a busy machine a flash may be missed in one of them.
const GROUPS: usize = 6;

/// A pin that notes when its level changes, since the last time it was told to forget.
#[derive(Clone, Default)]
struct Pin(Arc<Mutex<Vec<(Instant, bool)>>>);

impl ErrorType for Pin {
    type Error = Infallible;
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

impl Pin {
    fn set(&self, lit: bool) {
        let mut edges = self.0.lock().unwrap();
        // A level that is only confirmed is no edge.
        if edges.last().is_none_or(|(_, was)| *was != lit) {
            edges.push((Instant::now(), lit));
        }
    }

    /// All the pin has shown, as far as that can be told yet.
    fn shows(&self) -> Vec<Light> {
        let edges = self.0.lock().unwrap();
        if edges.last().is_some_and(|(since, lit)| *lit && since.elapsed() > STEADY) {
            return vec![Light::Steady];
        }
        let dark: Vec<usize> = edges
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| !pair[0].1 && pair[1].0.duration_since(pair[0].0) > BETWEEN_GROUPS)
            .map(|(n, _)| n)
            .collect();
        // From one long dark to the next each flash has two edges.
        dark.windows(2).map(|group| Light::Flashes((group[1] - group[0]) / 2)).collect()
    }
}

pub(super) fn complaints(row: &Row) -> Complaints {
    let setting = Setting::new(row, row.faults());
    let (sender, inbox) = inbox::channel().unwrap();
    let (reader, own_end) = (Reader::new(setting.rig.config()), sender.clone());
    let (pin, shown) = (Pin::default(), Arc::new(Mutex::new(Outcome::Starting)));
    let (lamp, tell) = (pin.clone(), Arc::clone(&shown));
    let node = thread::spawn(move || {
        let mut open_lamp = |_: &_| Some(Lamp::new(lamp.clone(), PinState::High));
        let mut notify = |notice: Notice<'_>| {
            if let Notice::Shown(report) = notice {
                *tell.lock().unwrap() = report.outcome;
                // From here on it is this outcome's pattern; of the one before, only the level stays.
                let mut edges = lamp.0.lock().unwrap();
                let last = edges.last().copied();
                edges.clear();
                edges.extend(last.map(|(_, lit)| (Instant::now(), lit)));
            }
        };
        Node::new(1, reader, (own_end, inbox), &mut open_lamp, &mut notify).and_then(Node::run).unwrap();
    });
    let until = Instant::now() + PATIENCE;
    let seen = loop {
        let outcome = *shown.lock().unwrap();
        let lights = if outcome == Outcome::Starting { Vec::new() } else { pin.shows() };
        if lights.contains(&row.light()) || lights.len() >= GROUPS || Instant::now() > until {
            break (outcome.as_str(), lights);
        }
        thread::sleep(Duration::from_millis(20));
    };
    sender.send(Message::Stop);
    node.join().unwrap();
    let mut all = setting.complaints();
    if seen.0 != row.outcome || !seen.1.contains(&row.light()) {
        all.push(format!("the LED of {} shows {:?}", seen.0, seen.1));
    }
    if pin.0.lock().unwrap().last().is_some_and(|(_, lit)| *lit) {
        all.push("the LED is left lit".into());
    }
    all
}
