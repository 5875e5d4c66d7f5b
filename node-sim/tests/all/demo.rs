//! `cargo run -p node-sim`, with its output in a pipe instead of a terminal.

use test_support::process::run_to_end;

use crate::node_sim;

#[test]
fn demo_runs_to_its_end() {
    let (code, out, err) = run_to_end(&mut node_sim(&[]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(!out.contains('\u{1b}') && !out.contains('\r'), "plain lines: {out:?}");
    let told: Vec<_> = out
        .lines()
        .filter(|line| line.contains(" LED "))
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(told, ["starting", "valid", "valid-cached", "valid", "node-rejected", "valid"], "{out}");
    let fetched: Vec<_> = out.lines().filter(|line| line.contains(" s  token ")).collect();
    assert_eq!(fetched.len(), 2, "one token, and the one after it: {out}");
    assert!(out.contains("event 5: \"run_completed\""), "{out}");
    assert!(out.contains("arp-run-coordinator is not on the list"), "{out}");
}

#[test]
fn wrong_usage_says_what_is_right() {
    for arguments in [&["--server", "https://auth.home"][..], &["story"], &["--colour"]] {
        let (code, out, err) = run_to_end(&mut node_sim(arguments));
        assert_eq!((code, out.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(err.contains("node-sim --help"), "{err}");
    }
    let (code, out, _) = run_to_end(&mut node_sim(&["--help"]));
    assert_eq!(code, Some(0));
    assert!(out.contains("--server <URL>"), "{out}");
}
