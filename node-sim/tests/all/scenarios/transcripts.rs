//! Scenarios whose course is kept as a transcript. After an intended change run `UPDATE_TRANSCRIPTS=1 cargo
//! test -p node-sim --test all transcripts`, and read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use node_sim::scenarios::{Scenario, all, find};

const SEED: u64 = 1;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/scenarios/transcripts")
}

fn with_transcripts() -> Vec<Scenario> {
    all().unwrap().into_iter().filter(|scenario| scenario.has_transcript).collect()
}

#[test]
fn every_transcript_is_repeated() {
    let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let mut changed = Vec::new();
    for scenario in with_transcripts() {
        let told = scenario.transcript(SEED);
        let file = folder().join(&scenario.name).with_extension("txt");
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
    assert!(changed.is_empty(), "{} scenarios have changed:\n{}", changed.len(), changed.join("\n"));
}

#[test]
fn every_transcript_belongs_to_a_scenario() {
    let mut names: Vec<_> =
        with_transcripts().iter().map(|scenario| format!("{}.txt", scenario.name)).collect();
    assert!(names.len() >= 20);
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    files.sort();
    assert_eq!(names, files);
}

#[test]
fn seed_repeats_its_transcript_and_another_seed_differs() {
    let quiet = find("a-quiet-hour").unwrap();
    assert_eq!(quiet.transcript(7), quiet.transcript(7));
    assert_ne!(quiet.transcript(7), quiet.transcript(8));
}
