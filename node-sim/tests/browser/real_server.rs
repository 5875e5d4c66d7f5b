//! The page with a server that is not its own.

use std::fs;

use serde_json::Value;
use server_stub::{Options, Stub};

use crate::board;
use crate::browser::{DESK, PHONE, with_browser};

#[test]
#[ignore = "needs chromium and chromedriver"]
fn controls_of_a_stub_are_disabled_for_a_real_server() {
    with_browser(DESK, async |browser| {
        let dir = tempfile::tempdir().unwrap();
        let stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() }).unwrap();
        let config = dir.path().join("config.json");
        let own = fs::read(dir.path().join("credential.json")).unwrap();
        let board = board::with(&["--server", stub.url(), "--config", config.to_str().unwrap()]);
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        for control in ["server", "fault", "rotate", "deactivate", "wrong_ca"] {
            let disabled = format!("return document.getElementById('control-{control}').disabled");
            assert_eq!(browser.ask(&disabled, Vec::new()).await, true, "{control}");
            let why = browser.text(&format!("h-{control}")).await;
            assert!(why.contains("stub"), "{control}: {why:?}");
        }
        assert_eq!(browser.text("server-is").await, format!("a real one, {}", stub.url()));

        // A credential is asked for, taken, and not shown again.
        let (node_id, _) = stub.node();
        let key = stub.rotate_key(node_id).unwrap();
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        browser.find("install-id").await.send_keys(node_id).await.unwrap();
        browser.find("install-key").await.send_keys(&key).await.unwrap();
        browser.click("install").await;
        browser.comes_to("valid").await;
        let held = "return document.documentElement.outerHTML + JSON.stringify(window.jarvisBoard)
            + [...document.querySelectorAll('input')].map(input => input.value).join()";
        assert!(!browser.ask(held, Vec::new()).await.as_str().unwrap().contains(&key));
        assert!(!board.state().to_string().contains(&key));
        assert_eq!(fs::read(dir.path().join("credential.json")).unwrap(), own, "the user's own file");

        browser.look_through(PHONE).await;
        let wide = browser.ask("return document.documentElement.scrollWidth", Vec::new()).await;
        assert_eq!(wide, Value::from(360));
    });
}
