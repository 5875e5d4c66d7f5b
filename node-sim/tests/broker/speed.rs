//! How long callers wait for a token that is there, with the binary as it is released: `cargo test -p node-sim
//! --test broker -- --ignored --nocapture speed`.

use core::time::Duration;
use std::process::Command;
use std::time::Instant;

use super::device::built;
use super::rig::{COORDINATOR, GATEWAY, Rig};

const CALLS: usize = 20_000;
const WAITING: usize = 200;

#[test]
#[ignore = "a benchmark"]
#[expect(clippy::print_stderr, reason = "what it is for")]
fn speed_of_a_cached_answer_while_a_fetch_hangs() {
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 600);
    let mut command = Command::new(built(&["--release"]));
    let mut daemon = rig.daemon_by(command.arg("run").arg("--config").arg(rig.node.config()));
    daemon.comes_to("valid");
    rig.get(GATEWAY);
    rig.fault("body-stall");
    for waiting in [1, WAITING] {
        let callers: Vec<_> = (0..waiting).map(|_| rig.asking(COORDINATOR)).collect();
        rig.requests(2);
        let mut times: Vec<Duration> = (0..CALLS)
            .map(|_| {
                let start = Instant::now();
                // From before the connection is made until the other end has closed it.
                let heard = rig.asking(GATEWAY).hears();
                let took = start.elapsed();
                assert!(heard.starts_with(b"HTTP/1.1 200 "));
                took
            })
            .collect();
        times.sort();
        let at = |percent: usize| times[CALLS * percent / 100];
        eprintln!(
            "{CALLS} calls with {waiting} waiting: p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}",
            at(50),
            at(99),
            times[CALLS * 999 / 1000],
            times[CALLS - 1]
        );
        drop(callers);
    }
}
