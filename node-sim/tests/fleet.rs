//! What the agent's rule does to a server, and what it must not.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use core::time::Duration;

use node_sim::fleet::{Model, Plan, Policy, Tally, command};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// An outage of the measured service that every node notices.
fn plan(nodes: u32, seed: u64) -> Plan {
    Plan {
        nodes,
        calm: Duration::ZERO,
        outage: secs(400),
        after: secs(3600),
        rate: 4.0,
        model: Model::Measured,
        seed,
    }
}

/// By when the last node was valid again, in 95 of 100 seeds.
fn nearly_always(nodes: u32, policy: Policy) -> Duration {
    let one = |seed| plan(nodes, seed).run(policy).last().unwrap_or(Duration::MAX);
    let mut lasts: Vec<Duration> = (0..100).map(one).collect();
    lasts.sort_unstable();
    lasts[94]
}

#[test]
fn at_home_all_are_valid_within_three_seconds_of_the_servers_return() {
    for nodes in [1, 3, 10] {
        let last = nearly_always(nodes, Policy::Ours);
        assert!(last <= secs(3), "{nodes} nodes: {last:?}");
    }
    assert!(nearly_always(1, Policy::FullJitter) > secs(20), "or this measures nothing");
}

#[test]
fn more_nodes_than_the_service_bears_at_once_come_back_all_the_same() {
    for (nodes, calls) in [(15, 2.0), (40, 2.1), (100, 3.0)] {
        let tally = plan(nodes, 1).run(Policy::Ours);
        assert!(tally.last().is_some(), "{nodes} nodes");
        assert!(tally.calls_a_node().0 <= calls, "{nodes} nodes: {:?}", tally.calls_a_node());
        assert_eq!(tally.lapsed, 0);
    }
}

/// Between them the service has learnt nothing, but the nodes have.
fn after_half_a_day(policy: Policy) -> Tally {
    Plan { calm: secs(43_200), after: secs(36_000), ..plan(1500, 1) }.run(policy)
}

#[test]
fn a_fleet_that_is_too_many_for_the_service_has_learnt_it_before_the_outage() {
    let ours = after_half_a_day(Policy::Ours);
    assert!(ours.last().is_some());
    assert_eq!(ours.stalls, (0, 0));
    assert_eq!(ours.calls_a_node(), (1.0, 1));
    let others = after_half_a_day(Policy::FullJitter);
    assert!(others.last().is_none() && others.stalls.1 > 18_000_000, "{:?}", others.stalls);
}

#[test]
fn no_rule_is_faster_than_the_server() {
    for policy in Policy::ALL {
        let plan = Plan { model: Model::Ideal, ..plan(200, 3) };
        let last = plan.run(policy).last().unwrap();
        assert!(last >= plan.limit().mul_f64(0.99), "{}: {last:?}", policy.name());
    }
}

fn told(arguments: &[&str]) -> Result<String, String> {
    command(lexopt::Parser::from_args(arguments))
}

#[test]
fn a_seed_gives_its_figures_again_and_another_seed_others() {
    let of = |seed| told(&["--nodes", "20", "--seed", seed, "--after", "10m", "--json"]).unwrap();
    assert_eq!(of("7"), of("7"));
    assert_ne!(of("7"), of("8"));
    let figures: serde_json::Value = serde_json::from_str(&of("7")).unwrap();
    assert_eq!(figures[0]["nodes"], 20);
    assert_eq!(figures[0]["recovered"], 20);
    assert_eq!(figures[0]["recovered_each_minute"].as_array().unwrap().len(), 11);
}

#[test]
fn what_cannot_be_run_is_refused_in_a_sentence() {
    for (arguments, sentence) in [
        (&[][..], "--nodes is missing"),
        (&["--nodes", "0"], "not a number from 1 to 1000000"),
        (&["--nodes", "1", "--outage", "soon"], "not a time like 90s"),
        (&["--nodes", "1", "--outage", "30ss"], "not a time like 90s"),
        (&["--nodes", "1", "--policy", "hope"], "there is no policy 'hope'"),
        (&["--nodes", "1", "--server-rate", "0"], "not a number of answers"),
        (&["--nodes", "1,2", "--svg", "x"], "draws one number of nodes"),
    ] {
        let error = told(arguments).unwrap_err();
        assert!(error.contains(sentence), "{arguments:?}: {error}");
    }
}

#[test]
fn the_drawing_is_whole_and_names_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fleet.svg");
    let table =
        told(&["--nodes", "3", "--policy", "all", "--after", "1h", "--svg", file.to_str().unwrap()]).unwrap();
    let svg = std::fs::read_to_string(file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    for policy in Policy::ALL {
        assert!(svg.contains(&format!(">{}<", policy.name())) && table.contains(policy.name()));
    }
}
