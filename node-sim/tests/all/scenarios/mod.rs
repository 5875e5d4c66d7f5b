//! Every scenario with a hundred seeds; strict reading of their files; and the report of a failure: its seed
//! and the fewest events that lead to it.

use std::fs;
use std::path::Path;

use node_sim::scenarios::command::describe_failure;
use node_sim::scenarios::{Scenario, all, run_all, shortest};
use test_support::process::{Ended, run_to_end};
use test_support::waiting::undisturbed;

mod soak;
mod transcripts;

const SEEDS: u64 = 100;

#[test]
fn every_scenario_holds_with_a_hundred_seeds() {
    let _undisturbed = undisturbed();
    let scenarios = all().unwrap();
    let failed = run_all(&scenarios.iter().collect::<Vec<_>>(), 0, SEEDS);
    let mut told = String::new();
    for scenario in &scenarios {
        let mut runs = failed.iter().filter(|(of, _)| of.name == scenario.name).map(|(_, run)| run);
        if let Some(run) = runs.next() {
            told += &format!("{}: {} of {SEEDS} seeds\n", scenario.name, 1 + runs.count());
            told += &describe_failure(scenario, run, run.failure.as_ref().unwrap());
        }
    }
    assert!(failed.is_empty(), "\n{told}");
}

#[test]
fn every_scenario_file_is_listed_with_its_source() {
    let scenarios = all().unwrap();
    let folder = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<String> = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))
        .filter(|path| path.is_dir())
        .flat_map(|path| folder(&path).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert_eq!(scenarios.iter().map(|scenario| scenario.name.clone()).collect::<Vec<_>>(), files);
    for Scenario { name, about, from, .. } in &scenarios {
        assert!(about.ends_with('.') && (from.ends_with('.') || from.ends_with('?')), "{name}");
    }
    for (n, scenario) in scenarios.iter().enumerate() {
        let twin = scenarios[n + 1..]
            .iter()
            .find(|other| other.from == scenario.from || other.about == scenario.about);
        assert!(twin.is_none(), "{} is told twice", scenario.name);
    }
}

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse("s", "some/s.json", text).map_err(|error| error.to_string())
}

#[test]
fn misspelt_key_is_refused_with_file_and_key() {
    let with = |rest: &str| format!(r#"{{"about":"a","from":"b","lasts":"1h",{rest}}}"#);
    assert!(parse(&with(r#""expect":[]"#)).is_ok());
    for (rest, complaint) in [
        (r#""expects":[]"#, "`expects`"),
        (r#""board":{"grase":"1h"}"#, "`grase`"),
        (r#""files":{"keys":2}"#, "`keys`"),
        (r#""server":{"fault":{"kind":"stalled","percents":3}}"#, "`percents`"),
        (r#""server":{"certificate":{"since":"1d","until":"2d"}}"#, "`until`"),
        (r#""events":[{"at":"1m","what":"x","do":"reload","whom":1}]"#, "`whom`"),
        (r#""expect":[{"at":"1m","outcom":"valid"}]"#, "`outcom`"),
        (r#""expect":[{"calls":{"max":3}}]"#, "`max`"),
        (r#""lasts":"2h""#, "`lasts`"),
        (r#""expect":[{"at":"1m","outcome":"fine"}]"#, "'fine'"),
        (r#""expect":[{"at":"1 m","outcome":"valid"}]"#, "'1 m'"),
        (r#""expect":[{"at":"1m..2m","outcome":"valid"}]"#, "'1m..2m'"),
        (r#""expect":[{"at":"1m after noon","outcome":"valid"}]"#, "'noon'"),
        (r#""expect":[{"outcome":"valid"}]"#, "`at`"),
        (r#""expect":[{"at":"1m","outcome":"valid","led":"\#"}]"#, "invalid escape"),
        (r##""expect":[{"at":"1m","outcome":"valid","led":"#"}]"##, "exactly one"),
        (r#""expect":[{"at":"1m","led":"on"}]"#, "'on'"),
        (r#""events":[{"at":"1m","what":"x"}]"#, "'x'"),
        (r#""events":[{"at":"1m","what":"x","do":"reload","clock":"right"}]"#, "exactly one"),
        (r#""events":[{"at":"1m","what":"x","clock":"noon"}]"#, "'noon'"),
        (r#""events":[{"at":"1m","what":"x","do":"explode"}]"#, "`explode`"),
        (r#""events":[{"at":"2h","what":"x","do":"reload"}]"#, "after the end"),
        (r#""events":[{"at":"1m after y","what":"x","do":"reload"}]"#, "'y'"),
        (r#""events":[{"at":"1m","what":"x","do":"reload","for":"1m"}]"#, "`for`"),
        (r#""events":[{"at":"1m","what":"x","do":"reload","until":"2m"}]"#, "`until`"),
        (r#""events":[{"at":"1m","what":"x","do":"reload","every":"0s"}]"#, "no time"),
    ] {
        let told = parse(&with(rest)).expect_err(rest);
        assert!(told.contains(complaint) && told.contains("some/s.json"), "{rest}: {told}");
    }
}

#[test]
fn readme_example_is_a_scenario() {
    let readme = include_str!("../../../scenarios/README.md");
    let (_, from) = readme.split_once("```json\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let scenario = parse(example).unwrap();
    assert!(run_all(&[&scenario], 0, 20).is_empty());
}

/// Twenty events, one of which leads to the failure.
const NOISY: &str = r#"{
  "about": "Wrong on purpose.",
  "from": "This test.",
  "lasts": "3h",
  "events": [
    { "at": "1m", "what": "noise", "every": "5m..9m", "until": "2h", "do": "reload" },
    { "at": "20m..40m", "what": "the node is deactivated", "server": { "active": false } },
    { "at": "50m", "what": "more noise", "every": "10m", "until": "2h30m", "clock": "ahead 1m" }
  ],
  "expect": [{ "never": ["node-rejected"] }]
}"#;

#[test]
fn failure_shrinks_to_the_event_that_matters() {
    let scenario = parse(NOISY).unwrap();
    for seed in 0..20 {
        let run = scenario.run(seed);
        let failure = run.failure.as_ref().unwrap();
        assert!(failure.sentence.contains("node-rejected"), "{failure:?}");
        assert!(run.events.len() > 15);
        let least: Vec<_> = shortest(&scenario, &run, failure).into_iter().map(|event| event.name).collect();
        assert_eq!(least, ["the node is deactivated"], "seed {seed}");
    }
}

#[test]
fn failure_without_events_shrinks_to_none() {
    let told = NOISY.replace(r#""never": ["node-rejected"]"#, r#""at": "1m", "outcome": "setup""#);
    let scenario = parse(&told).unwrap();
    let run = scenario.run(1);
    assert!(shortest(&scenario, &run, run.failure.as_ref().unwrap()).is_empty());
}

fn scenario(arguments: &[&str]) -> Ended {
    run_to_end(crate::node_sim(&["scenario"]).args(arguments))
}

#[test]
fn failing_scenario_exits_1_and_tells_how_to_repeat_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("noisy.json");
    fs::write(&file, NOISY).unwrap();
    let (code, out, err) = scenario(&["run", file.to_str().unwrap(), "--seed", "7", "--seeds", "3"]);
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    for part in [
        "FAIL  noisy: 3 of 3 seeds",
        "seed 7",
        "! the node is deactivated",
        "(1 of ",
        &format!("run {} --seed 7 --trace", file.display()),
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains("noise"), "{out}");
}

#[test]
fn scenarios_are_listed_run_and_traced_by_name() {
    let (code, out, _) = scenario(&["list"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("captive-portal\n") && out.matches("    From: ").count() >= 30, "{out}");
    let (code, out, _) = scenario(&["run", "captive-portal", "--seed", "1", "--trace"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("! the server is back") && out.contains("LED #") && out.contains("ok    captive-portal"),
        "{out}"
    );
    let (code, out, _) = scenario(&["run", "--all"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains(" scenarios, 0 of them not as expected"), "{out}");
}

#[test]
fn wrong_usage_of_scenario_is_refused() {
    for (arguments, code, complaint) in [
        (&[][..], 64, "list, run"),
        (&["run"], 64, "--all"),
        (&["run", "a-quiet-hour", "--all"], 64, "--all"),
        (&["run", "--all", "--seeds", "0"], 64, "--seeds"),
        (&["run", "--all", "--seed", "x"], 64, "x"),
        (&["tell"], 64, "tell"),
        (&["list", "more"], 64, "more"),
        (&["run", "a-loud-hour"], 65, "'a-loud-hour'"),
        (&["run", "nowhere/s.json"], 65, "nowhere/s.json"),
    ] {
        let (was, out, err) = scenario(arguments);
        assert_eq!((was, out.as_str()), (Some(code), ""), "{arguments:?}: {err}");
        assert!(err.contains(complaint), "{arguments:?}: {err}");
    }
}
