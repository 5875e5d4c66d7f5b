//! The stream of events holds every edge of the pin, in order.

use serde_json::{Value, json};

use test_support::waiting::until;

use super::rig;
use test_support::board::{Board, Watch};

fn at_least(watch: &mut Watch, edges: usize) {
    while watch.edges().len() < edges {
        watch.until("an edge", |event| event.kind == "edge");
    }
}

#[test]
fn streamed_edges_are_the_pins() {
    let board = rig::start();
    // These streams begin with the first edge: the board still holds all of them.
    let (mut one, mut other) = (board.watch(), board.watch());
    one.comes_to("valid");
    let starting = one.edges().len();
    assert!(starting >= 1);
    for faults in [json!(["status-503"]), json!(["status-401"]), json!(["cert-wrong-name"])] {
        board.set("fault", faults);
        board.set("reload", Value::Null);
        let so_far = one.edges().len();
        at_least(&mut one, so_far + 14);
    }
    board.set("fault", json!([]));
    board.set("reload", Value::Null);
    one.comes_to("valid");
    let (first, end) = (pulled(&board, &mut one, 0), board.pin_lines());
    assert!(first.len() >= starting + 42);
    board.set("power", "on");
    one.until("on", |event| event.data["node"]["powered"] == true);
    one.comes_to("valid");
    let second = pulled(&board, &mut one, end);
    assert_eq!(one.edges(), [first, second].concat());
    assert!(one.edges().windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 != pair[1].1));
    at_least(&mut other, one.edges().len());
    assert_eq!(one.edges(), other.edges(), "both see the same");
}

/// Pulls the power and returns the pin's edges from a line of its record on. The LED is lit steadily then, so
/// that no edge comes just as the power goes.
fn pulled(board: &Board, watch: &mut Watch, from_line: usize) -> Vec<(u64, bool)> {
    board.set("power", "pull");
    watch.until("off", |event| event.data["node"]["powered"] == false);
    let mut edges = board.pin_edges(from_line);
    assert!(edges.last().unwrap().1, "lit: {edges:?}");
    // The last edge is the board's own: the pin's record does not show that the power went.
    let dark = *watch.edges().last().unwrap();
    assert!(!dark.1 && dark.0 >= edges.last().unwrap().0);
    edges.push(dark);
    edges
}

#[test]
fn new_stream_knows_a_steady_led() {
    let board = rig::start();
    board.watch().comes_to("valid");
    let mut watch = board.watch();
    let first = watch.next().unwrap();
    assert_eq!((first.kind.as_str(), &first.data["node"]["outcome"]), ("state", &json!("valid")));
    watch.until("an edge", |event| event.kind == "edge");
    watch.until("the next state", |event| event.kind == "state");
    assert_eq!(watch.edges().last().map(|(_, lit)| *lit), Some(true));
}

#[test]
fn the_led_is_dark_at_the_end() {
    let mut board = rig::start();
    board.watch().comes_to("valid");
    board.signal("INT");
    assert_eq!(board.wait().code(), Some(0));
    until("dark", || board.pin_edges(0).last().is_some_and(|(_, lit)| !lit));
}
