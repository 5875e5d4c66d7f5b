//! Every story of `node-sim/scenarios`, with a hundred seeds; that their files are read strictly; and that
//! what goes wrong in one is told with its seed and the least that has to happen for it.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::Command;

use node_sim::scenarios::command::describe_failure;
use node_sim::scenarios::{Scenario, all, run_all, shortest};

const SEEDS: u64 = 100;

#[test]
fn every_story_goes_as_expected_with_a_hundred_seeds() {
    let stories = all().unwrap();
    let failed = run_all(&stories.iter().collect::<Vec<_>>(), 0, SEEDS);
    let mut told = String::new();
    for scenario in &stories {
        let mut runs = failed.iter().filter(|(of, _)| of.name == scenario.name).map(|(_, run)| run);
        if let Some(run) = runs.next() {
            told += &format!("{}: {} of {SEEDS} seeds\n", scenario.name, 1 + runs.count());
            told += &describe_failure(scenario, run, run.failure.as_ref().unwrap());
        }
    }
    assert!(failed.is_empty(), "\n{told}");
}

#[test]
fn every_file_is_on_the_shelf_and_says_where_its_story_comes_from() {
    let stories = all().unwrap();
    let folder = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<String> = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))
        .filter(|path| path.is_dir())
        .flat_map(|path| folder(&path).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert_eq!(stories.iter().map(|story| story.name.clone()).collect::<Vec<_>>(), files);
    for Scenario { name, about, from, .. } in &stories {
        assert!(about.ends_with('.') && (from.ends_with('.') || from.ends_with('?')), "{name}");
    }
    for (n, story) in stories.iter().enumerate() {
        let twin =
            stories[n + 1..].iter().find(|other| other.from == story.from || other.about == story.about);
        assert!(twin.is_none(), "{} is told twice", story.name);
    }
}

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse("s", "some/s.json", text).map_err(|error| error.to_string())
}

#[test]
fn what_is_misspelt_or_makes_no_sense_is_refused_with_file_and_key() {
    let story = |rest: &str| format!(r#"{{"about":"a","from":"b","lasts":"1h",{rest}}}"#);
    assert!(parse(&story(r#""expect":[]"#)).is_ok());
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
        let told = parse(&story(rest)).expect_err(rest);
        assert!(told.contains(complaint) && told.contains("some/s.json"), "{rest}: {told}");
    }
}

#[test]
fn the_example_in_the_readme_is_a_story() {
    let readme = include_str!("../scenarios/README.md");
    let (_, from) = readme.split_once("```json\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let story = parse(example).unwrap();
    assert!(run_all(&[&story], 0, 20).is_empty());
}

/// Twenty things happen, one of which matters.
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
fn the_least_that_has_to_happen_is_found() {
    let story = parse(NOISY).unwrap();
    for seed in 0..20 {
        let run = story.run(seed);
        let failure = run.failure.as_ref().unwrap();
        assert!(failure.sentence.contains("node-rejected"), "{failure:?}");
        assert!(run.events.len() > 15);
        let least: Vec<_> = shortest(&story, &run, failure).into_iter().map(|event| event.name).collect();
        assert_eq!(least, ["the node is deactivated"], "seed {seed}");
    }
}

#[test]
fn what_fails_with_no_event_at_all_needs_none() {
    let told = NOISY.replace(r#""never": ["node-rejected"]"#, r#""at": "1m", "outcome": "setup""#);
    let story = parse(&told).unwrap();
    let run = story.run(1);
    assert!(shortest(&story, &run, run.failure.as_ref().unwrap()).is_empty());
}

fn node_sim(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_node-sim")).arg("scenario").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_failing_story_ends_in_1_and_tells_seed_events_and_how_to_see_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("noisy.json");
    fs::write(&file, NOISY).unwrap();
    let (code, out, err) = node_sim(&["run", file.to_str().unwrap(), "--seed", "7", "--seeds", "3"]);
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
fn stories_are_listed_told_and_traced_by_name() {
    let (code, out, _) = node_sim(&["list"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("captive-portal\n") && out.matches("    From: ").count() >= 30, "{out}");
    let (code, out, _) = node_sim(&["run", "captive-portal", "--seed", "1", "--trace"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("! the server is back") && out.contains("LED #") && out.contains("ok    captive-portal"),
        "{out}"
    );
    let (code, out, _) = node_sim(&["run", "--all"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains(" scenarios, 0 of them not as expected"), "{out}");
}

#[test]
fn what_cannot_be_told_is_refused() {
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
        let (was, out, err) = node_sim(arguments);
        assert_eq!((was, out.as_str()), (Some(code), ""), "{arguments:?}: {err}");
        assert!(err.contains(complaint), "{arguments:?}: {err}");
    }
}
