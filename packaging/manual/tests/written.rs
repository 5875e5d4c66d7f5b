//! What the program writes.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use jarvis_node::cli::table::COMMANDS;
use tempfile::TempDir;

fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    manual::write(folder.path(), &manual::date(1_790_000_000)).unwrap();
    folder
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let name = entry.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(entry).unwrap());
            }
        }
    }
    found
}

/// The text of a page without its escapes.
fn plain(page: &[u8]) -> String {
    String::from_utf8(page.to_vec()).unwrap().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
}

#[test]
fn two_runs_write_the_same() {
    let [one, other] = [written(), written()];
    assert_eq!(files(one.path()), files(other.path()));
}

#[test]
fn every_option_of_the_device_is_in_page_and_completions() {
    let folder = written();
    let files = files(folder.path());
    let page = plain(&files["man/jarvis-node.1"]);
    for command in COMMANDS.iter().filter(|command| !command.is_internal) {
        assert!(page.contains(&format!("jarvis-node {}", command.name)), "{}", command.name);
        for option in command.options {
            let option = format!("--{}", option.name);
            for (name, text) in [("page", page.as_bytes()), ("bash", &files["completions/jarvis-node.bash"])]
            {
                let text = String::from_utf8_lossy(text);
                assert!(text.contains(&option), "{} {option} is not in {name}", command.name);
            }
        }
    }
    assert!(!page.contains("installer"), "a command for scripts is in the page");
}

#[test]
fn every_option_of_the_laptop_programs_is_in_its_page() {
    fn walk(command: &clap::Command, page: &str) {
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&format!("--{option}")), "--{option}");
        }
        command.get_subcommands().filter(|inner| !inner.is_hide_set()).for_each(|inner| walk(inner, page));
    }
    let folder = written();
    let files = files(folder.path());
    walk(&node_sim::cli::definition(), &plain(&files["man/node-sim.1"]));
    walk(&server_stub::cli::definition(), &plain(&files["man/server-stub.1"]));
}

#[test]
fn date_is_that_of_the_moment() {
    assert_eq!(manual::date(1_790_000_000), "2026-09-21");
    assert_eq!(manual::date(-1), "1969-12-31");
}

fn succeeds(program: &str, arguments: &[&str]) -> Output {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|why| panic!("{program}: {why}"));
    assert!(output.status.success() && output.stderr.is_empty(), "{program} {arguments:?}: {output:?}");
    output
}

#[test]
#[ignore = "needs mandoc and man"]
fn pages_have_no_warnings() {
    let folder = written();
    for page in fs::read_dir(folder.path().join("man")).unwrap() {
        let page = page.unwrap().path();
        let page = page.to_str().unwrap();
        succeeds("mandoc", &["-T", "lint", "-W", "warning", page]);
        succeeds("man", &["--warnings", "-l", page]);
    }
}

#[test]
#[ignore = "needs bash, zsh and fish"]
fn shells_read_their_completions() {
    let folder = written();
    for program in ["jarvis-node", "node-sim", "server-stub"] {
        for (shell, file) in [
            ("bash", format!("{program}.bash")),
            ("zsh", format!("_{program}")),
            ("fish", format!("{program}.fish")),
        ] {
            succeeds(shell, &["-n", folder.path().join("completions").join(file).to_str().unwrap()]);
        }
    }
}

#[test]
#[ignore = "needs bash"]
fn bash_completes_options_and_outcomes() {
    let folder = written();
    let script = folder.path().join("completions/jarvis-node.bash");
    let completed = |words: &str, last: usize| {
        // As bash calls it: the program, the word and the one before it.
        let line = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD={last}; f=$(complete -p jarvis-node); f=${{f#*-F }}; \
             ${{f%% *}} jarvis-node \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        String::from_utf8(succeeds("bash", &["-c", &line]).stdout).unwrap()
    };
    assert_eq!(completed("jarvis-node check --acc", 2).trim(), "--accept-board");
    assert_eq!(completed("jarvis-node keygen --algorithm Ed", 3).trim(), "EdDSA Ed25519");
    assert_eq!(completed("jarvis-node ke", 1).trim(), "keygen");
}
