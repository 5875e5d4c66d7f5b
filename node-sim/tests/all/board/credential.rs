//! The power is cut while a credential is being replaced.

use std::thread;
use std::time::Instant;

use jarvis_node::files::credential_store;
use serde_json::Value;

use super::rig;

/// How many moments of the replacement are tried.
const TURNS: u32 = 12;

#[test]
fn a_credential_is_whole_whenever_the_power_goes() {
    let board = rig::start();
    let mut watch = board.watch();
    watch.comes_to("valid");
    let file = board.files().join("credential.json");
    board.set("rotate", Value::Null);
    let start = Instant::now();
    board.set("install", Value::Null);
    let takes = start.elapsed();
    for turn in 0..TURNS {
        let before = credential_store::load(&file).unwrap().credential;
        board.set("rotate", Value::Null);
        let installed = thread::scope(|scope| {
            let installing = scope.spawn(|| board.put("install", Value::Null).0 == 200);
            // This waits for nothing. It picks another moment of the replacement each time.
            thread::sleep(takes * turn / TURNS);
            board.set("power", "pull");
            installing.join().unwrap()
        });
        let after = credential_store::load(&file).unwrap().credential;
        assert_eq!(after.node_id, before.node_id);
        assert!(!installed || after != before, "what was said to be in place is there");
        board.set("power", "on");
        watch.until("off", |event| event.data["node"]["powered"] == false);
        watch.comes_to("starting");
        if after == before {
            watch.comes_to("node-rejected");
            board.set("install", Value::Null);
        }
        watch.comes_to("valid");
    }
}
