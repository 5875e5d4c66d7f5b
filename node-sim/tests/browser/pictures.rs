//! The pictures in `docs/`. `UPDATE_PICTURES=1 cargo test -p node-sim --test browser pictures -- --ignored`
//! takes them anew; without that they are taken and only looked at.

use std::env;
use std::fs;
use std::path::Path;

use crate::board::Board;
use crate::browser::{Browser, DARK, DESK, PHONE, View, with_browser};

/// A repository is no picture album.
const MOST: usize = 150_000;

async fn take(browser: &Browser, view: View, name: &str) {
    browser.look_through(view).await;
    browser.ask("scrollTo(0, 0)", Vec::new()).await;
    browser.until("lit", "return document.getElementById('led').dataset.lit === 'true'").await;
    let picture = browser.client.screenshot().await.unwrap();
    // PNG's header: signature, length, IHDR, width.
    assert_eq!(picture[16..20], u32::from(view.width).to_be_bytes(), "{name}");
    assert!(picture.len() < MOST, "{name}: {} bytes", picture.len());
    if env::var_os("UPDATE_PICTURES").is_some() {
        fs::write(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).join(name), picture).unwrap();
    }
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn the_pictures_of_the_documentation() {
    with_browser(DESK, async |browser| {
        let board = Board::start();
        browser.open(&board.url).await;
        browser.comes_to("valid").await;
        browser.click("server").await;
        browser.click("reload").await;
        browser.comes_to("valid-cached").await;
        let winks = browser.ask("return window.jarvisBoard.edges.length", Vec::new()).await.as_u64().unwrap();
        browser.until("three winks", &format!("return window.jarvisBoard.edges.length >= {winks} + 6")).await;
        browser.click("server").await;
        browser.comes_to("valid").await;
        for (view, name) in [(DESK, "board-light.png"), (DARK, "board-dark.png"), (PHONE, "board-phone.png")] {
            take(browser, view, name).await;
        }
    });
}
