//! How long callers of the release build wait for a cached token: `cargo test -p node-sim --test all --
//! --ignored --nocapture speed`.

use core::time::Duration;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Instant;

use test_support::binaries::built;

use super::caller::{Caller, request};
use super::rig::{COORDINATOR, GATEWAY, Rig};

const CALLS: usize = 20_000;
const WAITING: usize = 200;

/// How long one call takes, from before the connection is made until the other end has closed it.
fn call(socket: &Path) -> Duration {
    let start = Instant::now();
    let mut caller = Caller::at(socket);
    assert!(caller.send(&request("GET", GATEWAY)));
    let heard = caller.read_all();
    let took = start.elapsed();
    assert!(heard.starts_with(b"HTTP/1.1 200 "));
    took
}

/// A server that always gives the same answer and does nothing else: it shows what the machine itself takes.
fn bare_server(socket: &Path, says: Vec<u8>) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&says);
        }
    });
}

#[expect(clippy::print_stderr, reason = "what it is for")]
fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |permille: usize| times[times.len() * permille / 1000];
    eprintln!(
        "{what}, {} calls: p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
        times.len(),
        at(500),
        at(990),
        at(999),
        times[times.len() - 1]
    );
}

#[test]
#[ignore = "a benchmark"]
fn speed_of_a_cached_answer_while_a_fetch_hangs() {
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 600);
    let released = built("jarvis-node", &["--release"]);
    let mut daemon = rig.daemon_by(&mut rig.node.command_of(&released, "run"));
    daemon.comes_to("valid");
    let bare = rig.node.dir.path().join("bare.sock");
    bare_server(&bare, rig.asking(GATEWAY).read_all());
    rig.fault("body-stall");
    for waiting in [1, WAITING] {
        let callers: Vec<_> = (0..waiting).map(|_| rig.asking(COORDINATOR)).collect();
        rig.requests(2);
        // In turns, so that other load on the machine affects both.
        let (broker, bare): (Vec<_>, Vec<_>) = (0..CALLS).map(|_| (call(&rig.socket()), call(&bare))).unzip();
        tell(&format!("the broker with {waiting} waiting"), broker);
        tell("a server that does nothing", bare);
        drop(callers);
    }
}
