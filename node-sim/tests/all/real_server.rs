//! `node-sim --config FILE --server URL` against a server that somebody else runs.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use test_support::process::signal;
use test_support::rig::Rig;

use crate::node_sim;

#[test]
fn it_runs_the_configured_node_until_it_is_interrupted() {
    let rig = Rig::new();
    // The argument names the right server.
    rig.configure("auth_url", "https://127.0.0.1:1");
    for (key, file) in
        [("credential_file", "credential.json"), ("app_key_file", "app.key"), ("ca_file", "ca.pem")]
    {
        rig.configure(key, file);
    }
    let mut command = node_sim(&["--server", rig.stub.url(), "--config"]);
    let mut child = command.arg(rig.config()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("valid: the auth service accepts this node")));
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for file in ["status.json", "state.json"] {
        assert!(!rig.path(file).exists(), "nothing is written beside the configuration: {file}");
    }
}
