//! How a board begins and ends.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use test_support::process::signal;
use test_support::waiting::until;

use super::rig;
use crate::node_sim;

#[test]
fn board_signalled_ends_with_its_node() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut board = rig::start();
        let mut watch = board.watch();
        watch.comes_to("valid");
        let node = board.node_pid();
        board.signal(signal);
        assert_eq!(board.wait().code(), Some(0), "{signal}");
        while watch.next().is_some() {}
        if let Some(node) = node {
            assert!(!Path::new(&format!("/proc/{node}")).exists(), "{signal}");
        }
        let left: Vec<_> =
            fs::read_dir(board.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["pin.log"], "{signal}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn board_killed_leaves_no_node_behind() {
    let mut board = rig::start();
    board.watch().comes_to("valid");
    let node = board.node_pid().unwrap();
    board.signal("KILL");
    board.wait();
    until("the node has ended", || {
        // A zombie has ended. Only its entry is left.
        fs::read_to_string(format!("/proc/{node}/stat")).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn node_ending_by_itself_is_reported_and_restarts() {
    let board = rig::start();
    let mut watch = board.watch();
    watch.comes_to("valid");
    let Some(node) = board.node_pid() else { return };
    signal(node, "KILL");
    let line = watch.until("its end", |event| event.data["kind"] == "power");
    assert!(line.data["text"].as_str().unwrap().contains("has ended"), "{line:?}");
    board.set("power", "on");
    watch.comes_to("starting");
    watch.comes_to("valid");
}

#[test]
fn named_port_taken_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = node_sim(&["board", "--no-open", "--listen", &addr]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&addr));
}

#[test]
fn default_port_taken_uses_another_port() {
    // If this fails, another program has the port, which serves as well.
    let _taken = TcpListener::bind("127.0.0.1:7799");
    let board = rig::run(&[]);
    assert!(board.host.starts_with("127.0.0.1:") && !board.host.ends_with(":7799"), "{}", board.host);
    assert_eq!(board.get("/").status, 200);
}

#[test]
fn wrong_usage_says_what_is_right() {
    for arguments in [
        &["--server", "https://auth.home"][..],
        &["--config", "none.json", "--grace", "1"],
        &["--listen", "nonsense"],
        &["--loud"],
        &["more"],
    ] {
        let output = node_sim(&["board", "--no-open"]).args(arguments).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("node-sim --help"), "{arguments:?}");
    }
}
