//! Scenarios whose course is kept as a transcript. After an intended change run `UPDATE_TRANSCRIPTS=1 cargo
//! test -p node-sim --test all transcripts`, and read the difference before it is committed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use node_sim::scenarios::{Scenario, all, find};

const SEED: u64 = 1;

fn in_package(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files in the folders of `root`, by their stems, each with its folder's name.
fn files_in_folders(root: &Path) -> BTreeMap<String, String> {
    let text = |name: Option<&OsStr>| name.unwrap().to_str().unwrap().to_owned();
    let entries = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries(root)
        .filter(|path| path.is_dir())
        .flat_map(|path| entries(&path).collect::<Vec<_>>())
        .map(|path| (text(path.file_stem()), text(path.parent().unwrap().file_name())))
        .collect()
}

/// Where transcripts are kept, sorted into folders as the scenarios are.
fn folder() -> PathBuf {
    in_package("tests/all/scenarios/transcripts")
}

fn with_transcripts() -> Vec<Scenario> {
    all().unwrap().into_iter().filter(|scenario| scenario.has_transcript).collect()
}

#[test]
fn every_transcript_is_repeated() {
    let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some();
    let kinds = files_in_folders(&in_package("scenarios"));
    let mut changed = Vec::new();
    for scenario in with_transcripts() {
        let told = scenario.transcript(SEED);
        let file = folder().join(&kinds[&scenario.name]).join(&scenario.name).with_extension("txt");
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
    let kinds = files_in_folders(&in_package("scenarios"));
    let expected: BTreeMap<_, _> = with_transcripts()
        .into_iter()
        .map(|Scenario { name, .. }| (name.clone(), kinds[&name].clone()))
        .collect();
    assert!(expected.len() >= 20);
    assert_eq!(expected, files_in_folders(&folder()));
}

#[test]
fn seed_repeats_its_transcript_and_another_seed_differs() {
    let quiet = find("a-quiet-hour").unwrap();
    assert_eq!(quiet.transcript(7), quiet.transcript(7));
    assert_ne!(quiet.transcript(7), quiet.transcript(8));
}
