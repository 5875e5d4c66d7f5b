//! The page when its board is gone.

use serde_json::{Value, json};

use crate::board;
use crate::browser::{DESK, with_browser};

#[test]
#[ignore = "needs chromium and chromedriver"]
fn page_reports_a_lost_board_and_finds_it_again() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        let at = board.host.to_owned();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        assert_eq!(browser.ask("return document.getElementById('lost').offsetHeight", Vec::new()).await, 0);
        browser.click("rotate").await;
        drop(board);

        let lost =
            "const lost = document.getElementById('lost'); return lost.offsetHeight > 0 && lost.innerText";
        let lost = browser.until("the loss is told of", lost).await;
        assert!(lost.as_str().unwrap().contains("node-sim board"), "{lost}");
        let free = "return [...document.querySelectorAll('#controls [id^=control-]')]
            .filter(control => !control.disabled).map(control => control.id)";
        assert_eq!(browser.ask(free, Vec::new()).await, Value::Array(Vec::new()));

        let board = board::listening(&at, &[]);
        browser.until("it is back", "return document.getElementById('lost').offsetHeight === 0").await;
        browser.comes_to("valid").await;
        assert_eq!(browser.ask(free, Vec::new()).await.as_array().unwrap().len(), 9);
        // The new board has events of its own.
        let lines = browser.ask("return document.getElementById('lines').innerText", Vec::new()).await;
        assert!(!lines.as_str().unwrap().contains("new key"), "{lines}");
        let script = format!(
            "return window.jarvisBoard.edges.some(edge => edge.at_ms === {})",
            board.pin_edges(0).last().unwrap().0
        );
        browser.until("its edges", &script).await;
        let first =
            browser.ask("return window.jarvisBoard.edges[0].at_ms", Vec::new()).await.as_u64().unwrap();
        assert_eq!(first, board.pin_edges(0)[0].0, "and nothing of the one before");
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn page_catches_up_after_a_silent_board() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        browser.click("rotate").await;
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        board.signal("STOP");
        browser.until("the loss is told of", "return !window.jarvisBoard.connected").await;
        board.signal("CONT");
        browser.until("it is back", "return window.jarvisBoard.connected").await;
        browser.click("install").await;
        browser.comes_to("valid").await;

        let pin = board.pin_edges(0);
        let last = format!("return window.jarvisBoard.edges.at(-1).at_ms === {}", pin.last().unwrap().0);
        browser.until("the last edge", &last).await;
        let seen =
            browser.ask("return window.jarvisBoard.edges.map(e => [e.at_ms, e.lit])", Vec::new()).await;
        assert_eq!(seen, json!(pin), "each of them, and none of them twice");
        let twice = "const lines = window.jarvisBoard.lines.map(line => JSON.stringify(line));
            return lines.length - new Set(lines).size";
        assert_eq!(browser.ask(twice, Vec::new()).await, 0);
    });
}
