//! How a board begins and ends.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use test_support::process::signal;
use test_support::waiting::until;

use super::rig::Board;
use crate::node_sim;

#[test]
fn it_ends_with_everything_it_started() {
    for signal in ["INT", "TERM", "HUP"] {
        let mut board = Board::start();
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
fn killed_it_leaves_no_node_behind() {
    let mut board = Board::start();
    board.watch().comes_to("valid");
    let node = board.node_pid().unwrap();
    board.signal("KILL");
    board.wait();
    until("the node has ended", || {
        // A zombie of nobody's is as good as gone.
        fs::read_to_string(format!("/proc/{node}/stat")).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn a_node_that_ends_by_itself_is_told_and_can_be_started_again() {
    let board = Board::start();
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
fn a_port_that_is_taken_is_told_if_it_was_asked_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = node_sim(&["board", "--no-open", "--listen", &addr]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&addr));
}

#[test]
fn without_a_wish_another_port_takes_the_place_of_one_that_is_taken() {
    // If this does not succeed somebody else has it, which is as good.
    let _taken = TcpListener::bind("127.0.0.1:7799");
    let board = Board::run(&[]);
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
