//! Many callers, and a token service that hangs.

use std::collections::HashSet;

use rustix::process::{Resource, getrlimit, setrlimit};
use test_support::waiting::{undisturbed, until};

use super::caller::{Caller, request};
use super::rig::{COORDINATOR, GATEWAY, Rig, uid};

/// Allows this process `count` descriptors more than the other tests in it can need.
fn allow_descriptors(count: u64) {
    const OTHERS: u64 = 2000;
    let mut limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    assert!(hard >= count, "this needs {count} descriptors, and `ulimit -Hn` says {hard}");
    limit.current = limit.current.map(|current| current.max((count + OTHERS).min(hard)));
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn hundreds_of_callers_of_one_token_cost_one_request() {
    let _undisturbed = undisturbed();
    allow_descriptors(600);
    let rig = Rig::new();
    let _daemon = rig.daemon();
    // The answer comes late, so that all callers come before it.
    rig.fault("late");
    let callers: Vec<_> = (0..400).map(|_| rig.asking(GATEWAY)).collect();
    let tokens: HashSet<_> = callers.into_iter().map(|caller| caller.answer().token().to_owned()).collect();
    assert_eq!((tokens.len(), rig.sts.token_requests()), (1, 1));
}

#[test]
fn cached_token_is_served_while_the_sts_hangs() {
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 600);
    let _daemon = rig.daemon();
    let held = rig.get(GATEWAY).token().to_owned();
    rig.fault("body-stall");
    let waiting = rig.asking(COORDINATOR);
    rig.requests(2);
    for _ in 0..100 {
        assert_eq!(rig.get(GATEWAY).token(), held);
        assert_eq!(rig.get("/v1/health").status, 200);
    }
    assert!(!waiting.is_answered());
    assert_eq!(rig.sts.token_requests(), 2);
}

#[test]
fn caller_of_a_hanging_sts_gets_504_in_time() {
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 1);
    let _daemon = rig.daemon();
    rig.fault("body-stall");
    let waiting = [GATEWAY, GATEWAY, COORDINATOR].map(|target| rig.asking(target));
    for caller in waiting {
        let answer = caller.answer();
        assert_eq!(answer.brief(), (504, "sts_timeout"));
        assert!(answer.field("retry-after").is_some(), "{answer:?}");
    }
    assert_eq!(rig.get("/v1/health").body["token_trouble"], "sts_timeout");
    rig.fault("");
    // The broker tries again for the next callers.
    until("a token comes", || rig.get(GATEWAY).status == 200);
    assert_eq!(rig.get("/v1/health").body["token_trouble"], serde_json::Value::Null);
}

#[test]
fn user_at_the_connection_limit_is_closed_until_some_end() {
    let _undisturbed = undisturbed();
    allow_descriptors(1300);
    let rig = Rig::new();
    rig.node.configure("request_timeout_secs", 600);
    let mut daemon = rig.daemon();
    rig.fault("body-stall");
    // Root may have all, and another user in the rules half of what is left for such users.
    let most = if uid() == 0 { 1088 } else { 448 };
    // They wait for an answer, so their connections stay open.
    let mut waiting: Vec<_> = (0..most).map(|_| rig.asking(GATEWAY)).collect();
    let one_more = || {
        let mut caller = rig.caller();
        caller.send(&request("GET", "/v1/health"));
        caller.read_all_or_reset()
    };
    assert_eq!(one_more(), b"");
    daemon.logs("was closed without an answer");
    waiting.truncate(most / 2);
    until("there is room again", || !one_more().is_empty());
    assert!(!waiting.iter().any(Caller::is_answered));
}
