//! Power that goes while a credential is being replaced.

use core::time::Duration;
use std::thread;

use jarvis_node::host::credential_store;
use serde_json::Value;

use crate::rig::Board;

#[test]
fn a_credential_is_whole_whenever_the_power_goes() {
    let board = Board::start();
    let mut watch = board.watch();
    watch.comes_to("valid");
    let file = board.files().join("credential.json");
    let mut interrupted = 0;
    for turn in 0..12 {
        let before = credential_store::load(&file).unwrap().credential;
        board.set("rotate", Value::Null);
        let installed = thread::scope(|scope| {
            let installing = scope.spawn(|| board.put("install", Value::Null).0 == 200);
            // Not to wait for something: to be at another point of it each time.
            thread::sleep(Duration::from_millis(turn));
            board.set("power", "pull");
            installing.join().unwrap()
        });
        let after = credential_store::load(&file).unwrap().credential;
        assert_eq!(after.node_id, before.node_id);
        assert!(!installed || after != before, "what was said to be in place is there");
        interrupted += u32::from(!installed);
        board.set("power", "on");
        watch.until("off", |event| event.data["node"]["powered"] == false);
        watch.comes_to("starting");
        watch.comes_to(if after == before { "node-rejected" } else { "valid" });
        board.set("install", Value::Null);
        watch.until("the new one", |event| event.data["kind"] == "answer" && event.data["ok"] == true);
    }
    // A machine too fast to be interrupted proves nothing, but is no failure.
    assert!(interrupted <= 12);
}
