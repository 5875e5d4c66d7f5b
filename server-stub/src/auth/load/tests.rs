//! jarvisd's model in virtual time, resource by resource. The Python service's is tested through its paths.

use core::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, advance};

use super::{KeyKind, Load, Model};

/// The milliseconds that a check of this key takes.
async fn price(load: &Load, kind: KeyKind, id: &str, key: &str, right: bool) -> u128 {
    let begin = Instant::now();
    let mut turn = load.turn(Default::default());
    turn.thread().await;
    turn.connection().await.expect("no limit");
    turn.connection().await.expect("no limit");
    turn.check_key(kind, id, key, right).await;
    begin.elapsed().as_millis()
}

async fn node_price(load: &Load) -> u128 {
    price(load, KeyKind::Node, "kitchen-pi", "key", true).await
}

#[tokio::test(start_paused = true)]
async fn right_key_costs_once_a_minute() {
    let load = Load::new(Model::JARVISD);
    assert_eq!(node_price(&load).await, 100);
    assert_eq!(node_price(&load).await, 0);
    // The minute counts from the beginning of the check.
    advance(Duration::from_millis(59_800)).await;
    assert_eq!(node_price(&load).await, 0);
    advance(Duration::from_millis(100)).await;
    assert_eq!(node_price(&load).await, 100);
}

#[tokio::test(start_paused = true)]
async fn proof_stands_for_one_kind_id_and_key() {
    let load = Load::new(Model::JARVISD);
    assert_eq!(node_price(&load).await, 100);
    for (kind, id, key) in [
        (KeyKind::App, "kitchen-pi", "key"),
        (KeyKind::Node, "attic-pi", "key"),
        (KeyKind::Node, "kitchen-pi", "new key"),
    ] {
        assert_eq!(price(&load, kind, id, key, true).await, 100, "{kind:?} {id} {key}");
    }
    assert_eq!(node_price(&load).await, 0);
}

#[tokio::test(start_paused = true)]
async fn wrong_key_costs_each_time() {
    let load = Load::new(Model::JARVISD);
    assert_eq!(node_price(&load).await, 100);
    // The key was right a moment ago: another one is right now.
    for _ in 0..2 {
        assert_eq!(price(&load, KeyKind::Node, "kitchen-pi", "key", false).await, 100);
    }
}

#[tokio::test(start_paused = true)]
async fn restart_forgets_the_proofs() {
    let load = Load::new(Model::JARVISD);
    assert_eq!(node_price(&load).await, 100);
    load.restart();
    assert_eq!(node_price(&load).await, 100);
}

#[tokio::test(start_paused = true)]
async fn equal_calls_at_once_each_pay_without_deadlock() {
    let load = Load::new(Model::JARVISD);
    let calls = (0..50).map(|_| {
        let load = load.clone();
        async move { node_price(&load).await }
    });
    let mut prices = JoinSet::from_iter(calls).join_all().await;
    prices.sort_unstable();
    // Two cores: the last of fifty ends after 25 checks, and the Python service would have stalled for 30 s.
    let each: Vec<_> = (1..=25).flat_map(|turn| [turn * 100, turn * 100]).collect();
    assert_eq!(prices, each);
}

#[tokio::test(start_paused = true)]
async fn writes_take_turns_in_the_order_of_their_calls() {
    let load = Load::new(Model::JARVISD.faster_by(5));
    let begin = Instant::now();
    let writes = (0..10_u128).map(|call| {
        let load = load.clone();
        async move {
            load.turn(Default::default()).write().await;
            (call, begin.elapsed().as_millis())
        }
    });
    let mut writes = JoinSet::from_iter(writes).join_all().await;
    writes.sort_unstable();
    assert_eq!(writes, (0..10).map(|call| (call, call + 1)).collect::<Vec<_>>());
    let begin = Instant::now();
    Load::new(Model::MEASURED).turn(Default::default()).write().await;
    assert_eq!(begin.elapsed(), Duration::ZERO, "the Python services have no such writer");
}

#[tokio::test(start_paused = true)]
async fn models_are_named_and_shown() {
    for (name, of) in [
        ("instant", ""),
        (
            "measured",
            ",\"busy\":{\"threads\":0,\"connections\":0,\"cores\":0},\"of\":{\"threads\":40,\"connections\":15,\"cores\":2}",
        ),
        ("jarvisd", ",\"busy\":{\"cores\":0,\"writer\":0},\"of\":{\"cores\":2,\"writer\":1}"),
    ] {
        let model: Model = name.parse().expect("a model");
        assert_eq!(model.to_string(), name);
        assert_eq!(super::Adjustable::shown(&Load::new(model)), format!("{{\"model\":\"{name}\"{of}}}"));
    }
    assert!("jarvis".parse::<Model>().is_err());
}
