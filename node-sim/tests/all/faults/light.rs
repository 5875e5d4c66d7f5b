//! The LED of a node that has no verdict yet, in the device's own run loop.

use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use jarvis_node::daemon::run_loop::Notice;
use node_core::outcome::Outcome;
use test_support::pin::RecordingPin;
use test_support::run_loop::RunLoop;
use test_support::waiting::PATIENCE;

use super::Complaints;
use super::setting::Setting;
use super::table::{Light, Row};

/// Dark for longer than between two flashes (0.2 s), and not as long as between two groups (1.2 s).
const BETWEEN_GROUPS: Duration = Duration::from_millis(700);
/// Lit without a break for longer than any flash.
const STEADY: Duration = Duration::from_millis(2500);

/// How many groups are looked at: on a busy machine a flash may be missed in one of them.
const GROUPS: usize = 6;

pub(super) fn complaints(row: &Row) -> Complaints {
    let setting = Setting::new(row, row.faults());
    let (pin, shown) = (RecordingPin::default(), Arc::new(Mutex::new(Outcome::Starting)));
    let (record, tell) = (pin.clone(), Arc::clone(&shown));
    let node = RunLoop::start(setting.rig.config(), &pin, move |notice| {
        if let Notice::Shown(report) = notice {
            *tell.lock().unwrap() = report.outcome;
            // The record is of this outcome's pattern from here on.
            record.begin_again();
        }
    });
    let until = Instant::now() + PATIENCE;
    let seen = loop {
        let outcome = *shown.lock().unwrap();
        let lights = if outcome == Outcome::Starting { Vec::new() } else { shows(&pin) };
        if lights.contains(&row.light()) || lights.len() >= GROUPS || Instant::now() > until {
            break (outcome.as_str(), lights);
        }
        thread::sleep(Duration::from_millis(20));
    };
    node.stop();
    let mut all = setting.complaints();
    if seen.0 != row.outcome || !seen.1.contains(&row.light()) {
        all.push(format!("the LED of {} shows {:?}", seen.0, seen.1));
    }
    if pin.is_lit() {
        all.push("the LED is left lit".into());
    }
    all
}

/// All patterns that the pin has shown so far.
fn shows(pin: &RecordingPin) -> Vec<Light> {
    let edges = pin.edges();
    if edges.last().is_some_and(|(since, lit)| *lit && since.elapsed() > STEADY) {
        return vec![Light::Steady];
    }
    let dark: Vec<usize> = edges
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| !pair[0].1 && pair[1].0.duration_since(pair[0].0) > BETWEEN_GROUPS)
        .map(|(n, _)| n)
        .collect();
    // Between two long dark times each flash has two edges.
    dark.windows(2).map(|group| Light::Flashes((group[1] - group[0]) / 2)).collect()
}
