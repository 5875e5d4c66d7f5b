//! The page without a mouse.

use test_support::browser::fantoccini::key::Key;

use crate::board;
use crate::browser::{DESK, with_browser};

/// The controls in the order of Tab.
const STOPS: [&str; 11] = [
    "control-server",
    "l-fault",
    "control-rotate",
    "control-deactivate",
    "control-install",
    "control-wrong_ca",
    "control-clock",
    "control-power",
    "control-reload",
    "show-log",
    "timeline-scroll",
];

#[test]
#[ignore = "needs chromium and chromedriver"]
fn tab_reaches_every_control_with_visible_focus() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        for stop in STOPS {
            browser.press(&Key::Tab.to_string()).await;
            assert_eq!(browser.focus().await, stop);
            let ring = "const style = getComputedStyle(document.activeElement);
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2";
            assert_eq!(browser.ask(ring, Vec::new()).await, true, "{stop} shows that it has the focus");
            let inside = "const box = document.activeElement.getBoundingClientRect();
                const head = document.getElementById('head').getBoundingClientRect();
                return box.bottom > head.bottom && box.top < innerHeight";
            assert_eq!(browser.ask(inside, Vec::new()).await, true, "{stop} is in sight");
        }
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn every_control_works_by_keyboard() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        let (enter, tab) = (Key::Enter.to_string(), Key::Tab.to_string());
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;

        for (control, key, outcome) in [
            ("wrong_ca", " ", "tls"),
            ("wrong_ca", enter.as_str(), "valid"),
            ("clock", enter.as_str(), "clock"),
            ("clock", " ", "valid"),
            ("power", " ", "no power"),
            ("power", enter.as_str(), "valid"),
        ] {
            browser.tab_to(&format!("control-{control}")).await;
            browser.press(key).await;
            browser.said(control).await;
            browser.comes_to(outcome).await;
        }
        for (first, key, outcome) in [
            ("server", " ", "network"),
            ("server", enter.as_str(), "valid"),
            ("rotate", enter.as_str(), "node-rejected"),
            ("install", enter.as_str(), "valid"),
            ("deactivate", " ", "node-rejected"),
            ("install", " ", "valid"),
        ] {
            browser.tab_to(&format!("control-{first}")).await;
            browser.press(key).await;
            browser.said(first).await;
            browser.tab_to("control-reload").await;
            browser.press(&enter).await;
            browser.said("reload").await;
            browser.comes_to(outcome).await;
        }

        // A fault is searched for, ticked and ended by its chip, and the focus is not lost.
        browser.tab_to("l-fault").await;
        browser.press(&enter).await;
        browser.press(&tab).await;
        assert_eq!(browser.focus().await, "fault-search");
        browser.press("captive portal").await;
        browser.tab_to("fault-html").await;
        browser.press(" ").await;
        assert!(browser.said("fault").await.contains("html"));
        assert_eq!(browser.focus().await, "fault-html");
        browser.tab_to("control-reload").await;
        browser.press(&enter).await;
        browser.comes_to("server").await;
        browser.tab_to("control-server").await;
        browser.press(&tab).await;
        browser.press(&enter).await;
        browser.until("no chip is left", "return !document.querySelector('#chips button')").await;
        assert_eq!(browser.focus().await, "l-fault");
    });
}
