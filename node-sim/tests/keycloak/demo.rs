//! The demo with Keycloak as its token service.

use std::process::Command;

use test_support::process::run_to_end;

#[test]
#[ignore = "needs Keycloak"]
fn demo_with_keycloak_runs_to_its_end() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_node-sim"));
    let (code, out, err) = run_to_end(demo.args(["demo", "--keycloak"]));
    assert_eq!(code, Some(0), "{out}{err}");
    let fetched = out.lines().filter(|line| line.contains(" s  token ")).count();
    assert_eq!(fetched, 2, "one token, and the one after it: {out}");
    assert!(out.contains("event 5: \"run_completed\""), "{out}");
    assert!(
        out.contains("/realms/arp-dev") && out.contains("arp-run-coordinator is not on the list"),
        "{out}"
    );
}
