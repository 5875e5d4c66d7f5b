//! The load that the agents' retry rule puts on a server.

use core::time::Duration;

use clap::Parser as _;
use node_sim::fleet::{Away, FleetArguments, Model, Plan, Policy, Tally, run};

mod real;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A short outage that every node notices.
fn plan(nodes: u32, seed: u64) -> Plan {
    Plan {
        nodes,
        outage: secs(50),
        away: Away::Refused,
        after: secs(300),
        model: Model::Measured,
        cores: 2,
        spread: secs(4),
        revalidate: secs(300),
        seed,
    }
}

/// As docs/retry.md advises for a home of this size: half as many seconds as there are nodes.
fn large(nodes: u32, seed: u64) -> Plan {
    Plan { spread: secs(u64::from(nodes) / 2), outage: secs(400), ..plan(nodes, seed) }
}

const WAYS_TO_BE_AWAY: [Away; 3] = [Away::Refused, Away::Proxy, Away::Database];

/// No stall, one call a node, and the last node valid again within `limit` of the server's return.
#[track_caller]
fn all_return(plan: &Plan, limit: Duration) {
    let tally = plan.run(Policy::Ours);
    let last = tally.last().unwrap_or(Duration::MAX);
    assert!(last <= limit, "{plan:?}: {last:?}");
    assert_eq!(tally.stalls, (0, 0), "{plan:?}");
    assert!(tally.calls_a_node().0 <= 1.3, "{plan:?}: {:?}", tally.calls_a_node());
}

#[test]
fn small_home_is_valid_within_five_seconds_of_the_return() {
    for away in WAYS_TO_BE_AWAY {
        for nodes in [1, 10, 14] {
            for seed in 1..=50 {
                all_return(&Plan { away, ..plan(nodes, seed) }, Duration::from_millis(5100));
            }
        }
    }
}

#[test]
fn twenty_nodes_need_no_setting() {
    for away in WAYS_TO_BE_AWAY {
        for seed in 1..=20 {
            all_return(&Plan { away, ..plan(20, seed) }, secs(7));
        }
    }
}

#[test]
fn larger_home_with_its_spread_returns_without_a_stall() {
    for away in WAYS_TO_BE_AWAY {
        for (nodes, limit) in [(20, 50), (50, 50), (300, 180)] {
            for seed in 1..=10 {
                all_return(&Plan { away, ..large(nodes, seed) }, secs(limit));
            }
        }
    }
}

/// Two of its cores do it: no call waits for another's connection.
#[test]
fn fifty_nodes_of_jarvisd_return_within_five_seconds() {
    for away in WAYS_TO_BE_AWAY {
        for nodes in [1, 14, 50] {
            for seed in 1..=20 {
                all_return(&Plan { away, model: Model::Jarvisd, ..plan(nodes, seed) }, secs(5));
            }
        }
    }
}

#[test]
fn fifty_nodes_without_their_spread_stall_python_and_return() {
    let mut lasts: Vec<_> = (1..=20).map(|seed| plan(50, seed).run(Policy::Ours)).collect();
    lasts.sort_by_key(Tally::last);
    let middle = &lasts[9];
    assert!(middle.last().unwrap() <= secs(90), "{:?}", middle.last());
    assert!(middle.stalls.0 > 20_000, "or the setting is not needed");
    assert!(middle.calls_a_node().0 <= 2.0, "{:?}", middle.calls_a_node());
}

#[test]
fn longer_outage_delays_the_return_by_the_probes_interval() {
    for (outage, limit) in [(1800, 7), (3 * 3600, 36), (20 * 3600, 36)] {
        for seed in 1..=10 {
            all_return(&Plan { outage: secs(outage), ..plan(14, seed) }, secs(limit));
        }
    }
}

/// With its settings a fleet of any size keeps its verdicts: they count for a day.
#[test]
fn thousands_return_before_their_grace_period_ends() {
    let sized = |nodes: u32, spread, revalidate| {
        let (spread, revalidate) = (secs(spread), secs(revalidate));
        Plan { spread, revalidate, outage: secs(1800), after: secs(86_400), ..plan(nodes, 1) }
    };
    for plan in [sized(1000, 500, 1000), sized(10_000, 5000, 20_000)] {
        let tally = plan.run(Policy::Ours);
        assert!(tally.last().is_some(), "{} nodes", plan.nodes);
        assert_eq!(tally.lapsed, 0, "{} nodes", plan.nodes);
    }
}

#[test]
fn a_day_without_its_server_costs_a_node_few_looks() {
    for (away, calls, probes) in
        [(Away::Refused, 100, 3600), (Away::Proxy, 100, 3600), (Away::Database, 3600, 3600)]
    {
        let tally = Plan { away, outage: secs(86_400), ..plan(1, 1) }.run(Policy::Ours);
        assert!(tally.in_outage.0 <= calls && tally.in_outage.1 <= probes, "{away:?}: {:?}", tally.in_outage);
    }
}

#[test]
fn full_jitter_is_slower_in_a_small_home() {
    let slow =
        (1..=20).filter(|seed| plan(10, *seed).run(Policy::FullJitter).last() > Some(secs(20))).count();
    assert!(slow >= 15, "{slow} of 20, or the comparison measures nothing");
}

/// Calls and probes in the outage, probes after it, the longest stall, and when the last node is valid.
type Pinned = ((u64, u64), u64, u64, u64);

/// A change of the retry rule or of a model changes these numbers, but no change of how a fleet is computed does.
#[test]
fn seed_gives_the_figures_that_it_has_always_given() {
    let stalled = plan(50, 7);
    let large = Plan { away: Away::Database, ..large(300, 7) };
    let jarvisd = Plan { away: Away::Proxy, model: Model::Jarvisd, ..stalled };
    let pinned: [(&Plan, Policy, Pinned); 4] = [
        (&stalled, Policy::Ours, ((50, 703), 66, 27_550, 60_749)),
        (&large, Policy::Ours, ((1442, 1421), 21, 0, 142_564)),
        (&jarvisd, Policy::Ours, ((50, 703), 41, 0, 3605)),
        (&stalled, Policy::FullJitter, ((313, 0), 0, 0, 47_475)),
    ];
    for (plan, policy, figures) in pinned {
        let tally = plan.run(policy);
        let last = tally.recoveries().last().copied().unwrap_or(0);
        assert_eq!((tally.in_outage, tally.probes, tally.stalls.0, last), figures, "{policy:?}: {plan:?}");
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
        (&["--nodes", "1", "--cores", "0"], "0 is not in 1..=256"),
        (&["--nodes", "1", "--away", "hidden"], "possible values: refused, proxy, database"),
    ] {
        let error = told(arguments).unwrap_err();
        assert!(error.contains(sentence), "{arguments:?}: {error}");
    }
}
