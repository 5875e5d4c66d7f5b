//! The load that the agent's pacing puts on a server.

use core::time::Duration;

use clap::Parser as _;
use node_sim::fleet::{FleetArguments, Model, Plan, Policy, run};

mod real;

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

/// The time until the last node is valid again, met by 95 of 100 seeds.
fn nearly_always(nodes: u32, policy: Policy) -> Duration {
    let one = |seed| plan(nodes, seed).run(policy).last().unwrap_or(Duration::MAX);
    let mut lasts: Vec<Duration> = (0..100).map(one).collect();
    lasts.sort_unstable();
    lasts[94]
}

#[test]
fn home_is_valid_within_three_seconds_of_recovery() {
    for nodes in [1, 3, 10] {
        let last = nearly_always(nodes, Policy::Ours);
        assert!(last <= secs(3), "{nodes} nodes: {last:?}");
    }
    assert!(nearly_always(1, Policy::FullJitter) > secs(20), "or this measures nothing");
}

#[test]
fn three_hundred_nodes_recover_after_one_deadlock() {
    for nodes in [20, 40, 100, 300] {
        for seed in 1..=5 {
            let tally = plan(nodes, seed).run(Policy::Ours);
            let last = tally.last().unwrap();
            assert!(last <= secs(230), "{nodes} nodes: {last:?}");
            assert!(tally.stalls.1 <= 30_000, "{nodes} nodes: {:?} ms", tally.stalls);
            assert!(tally.calls_a_node().1 <= 2, "{nodes} nodes: {:?}", tally.calls_a_node());
        }
    }
}

#[test]
fn thousands_recover_in_a_small_multiple_of_the_limit() {
    for (nodes, seed, of_limit) in [(1000, 1, 3.0), (1000, 2, 3.0), (3000, 1, 5.0), (10_000, 1, 5.0)] {
        let plan = Plan { after: secs(40_000), ..plan(nodes, seed) };
        let ours = plan.run(Policy::Ours);
        let last = ours.last().unwrap();
        assert!(last <= plan.limit().mul_f64(of_limit), "{nodes} nodes: {last:?}");
        assert!(ours.calls_a_node().0 <= 1.2, "{nodes} nodes: {:?}", ours.calls_a_node());
        assert_eq!(ours.lapsed, 0);
    }
    assert!(plan(1000, 1).run(Policy::FullJitter).last().is_none(), "or this measures nothing");
}

/// The service stays as slow as it was; the nodes adapt.
#[test]
fn fleet_too_large_to_revalidate_spreads_its_calls() {
    let after_a_day = |policy| Plan { calm: secs(86_400), after: secs(36_000), ..plan(1500, 1) }.run(policy);
    let ours = after_a_day(Policy::Ours);
    assert!(ours.last().is_some());
    assert!(ours.calls_a_node().0 <= 1.5, "{:?}", ours.calls_a_node());
    let others = after_a_day(Policy::FullJitter);
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
    let parsed =
        FleetArguments::try_parse_from([&["fleet"], arguments].concat()).map_err(|e| e.to_string())?;
    run(&parsed)
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
