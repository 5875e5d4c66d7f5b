//! Every scenario tells the same story as when its transcript was last looked at. After a change
//! that is meant: `UPDATE_TRANSCRIPTS=1 cargo test -p node-sim --test transcripts`, and read the
//! difference before it is committed.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use node_sim::scenarios::ALL;

const SEED: u64 = 1;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

#[test]
fn every_scenario_tells_its_story() {
    let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let mut changed = Vec::new();
    for scenario in ALL {
        let told = scenario.run(SEED);
        let file = folder().join(scenario.name).with_extension("txt");
        if update {
            fs::write(&file, &told).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        if told != kept {
            let line = kept.lines().zip(told.lines()).take_while(|(kept, told)| kept == told).count();
            changed.push(format!(
                "{} from line {}:\n  kept: {}\n  told: {}",
                scenario.name,
                line + 1,
                kept.lines().nth(line).unwrap_or("(nothing)"),
                told.lines().nth(line).unwrap_or("(nothing)"),
            ));
        }
    }
    assert!(changed.is_empty(), "{} stories have changed:\n{}", changed.len(), changed.join("\n"));
}

#[test]
fn there_are_enough_stories_and_no_forgotten_transcript() {
    assert!(ALL.len() >= 20);
    let mut names: Vec<_> = ALL.iter().map(|scenario| format!("{}.txt", scenario.name)).collect();
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    files.sort();
    assert_eq!(names, files);
}

#[test]
fn a_seed_tells_the_same_story_again_and_another_seed_another() {
    let quiet = ALL.iter().find(|scenario| scenario.name == "a-quiet-hour").unwrap();
    assert_eq!(quiet.run(7), quiet.run(7));
    assert_ne!(quiet.run(7), quiet.run(8));
}

#[test]
fn a_lossy_night_never_shows_anything_but_valid_whatever_the_seed() {
    let lossy = ALL.iter().find(|scenario| scenario.name == "a-lossy-night").unwrap();
    for seed in 0..200 {
        let told = lossy.run(seed);
        let strange = told.lines().filter(|line| line.contains("  = ")).find(|line| {
            !["= starting", "= valid", "= valid-cached"].iter().any(|expected| line.contains(expected))
        });
        assert_eq!(strange, None, "seed {seed}");
    }
}
