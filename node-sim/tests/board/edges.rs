//! The edges that are streamed are those that the pin got, all of them, in order.

use std::fs;

use serde_json::{Value, json};

use crate::rig::{Board, Watch, until};

/// What the pin was set to, by its own account: the levels that were only confirmed left out.
fn of_the_pin(board: &Board) -> Vec<(u64, bool)> {
    let text = fs::read_to_string(board.dir.path().join("pin.log")).unwrap();
    let levels = text.lines().map(|line| {
        let (at, level) = line.split_once(' ').unwrap();
        (at.parse().unwrap(), level == "1")
    });
    let mut edges: Vec<(u64, bool)> = Vec::new();
    for (at, lit) in levels {
        if edges.last().is_none_or(|(_, was)| *was != lit) {
            edges.push((at, lit));
        }
    }
    edges
}

fn at_least(watch: &mut Watch, edges: usize) {
    while watch.edges().len() < edges {
        watch.until("an edge", |event| event.kind == "edge");
    }
}

#[test]
fn streamed_edges_are_the_pins() {
    let board = Board::start();
    // From the first: nothing has been forgotten yet.
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
    assert!(of_the_pin(&board).len() >= starting + 42);
    // In the steady light: so that no edge comes while the power goes.
    board.set("power", "pull");
    let mut expected = of_the_pin(&board);
    assert!(expected.last().unwrap().1, "lit: {expected:?}");
    one.until("off", |event| event.data["node"]["powered"] == false);
    let mut streamed = one.edges();
    let (_, lit) = streamed.pop().unwrap();
    assert!(!lit, "without power there is no light");
    assert_eq!(streamed, expected);
    assert!(streamed.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 != pair[1].1));

    board.set("power", "on");
    one.comes_to("valid");
    other.until("valid after the power's return", |event| {
        event.data["node"]["outcome"] == "valid"
            && event.data["now_ms"].as_u64() > Some(expected.last().unwrap().0)
    });
    while other.edges().len() < one.edges().len() {
        other.until("an edge", |event| event.kind == "edge");
    }
    assert_eq!(one.edges(), other.edges(), "both see the same");
    let off = one.edges()[expected.len()];
    expected.push(off);
    let all = of_the_pin(&board);
    // The pin's own account knows nothing of the power: it goes on with the next start.
    let after: Vec<_> = one.edges()[expected.len()..].to_vec();
    let restarted: Vec<_> = all.iter().copied().filter(|(at, _)| *at > off.0).collect();
    assert!(!after.is_empty());
    assert!(after.ends_with(&restarted) && after.len() <= restarted.len() + 1, "{after:?} {restarted:?}");
}

#[test]
fn a_newcomer_knows_a_light_that_never_changes() {
    let board = Board::start();
    board.watch().comes_to("valid");
    let mut newcomer = board.watch();
    let first = newcomer.next().unwrap();
    assert_eq!((first.kind.as_str(), &first.data["node"]["outcome"]), ("state", &json!("valid")));
    newcomer.until("an edge", |event| event.kind == "edge");
    newcomer.until("the next state", |event| event.kind == "state");
    assert_eq!(newcomer.edges().last().map(|(_, lit)| *lit), Some(true));
}

#[test]
fn the_led_is_dark_at_the_end() {
    let mut board = Board::start();
    board.watch().comes_to("valid");
    board.signal("INT");
    assert_eq!(board.wait().code(), Some(0));
    until("dark", || of_the_pin(&board).last().is_some_and(|(_, lit)| !lit));
}
