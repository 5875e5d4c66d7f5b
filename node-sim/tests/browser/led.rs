//! The LED on the page follows the pin.

use serde_json::Value;

use crate::board;
use crate::browser::{Browser, DESK, with_browser};
use test_support::board::Board;

/// Records each change of the drawn LED, beside what the page says it has shown.
const NOTE_CHANGES: &str = "
    const led = document.getElementById('led');
    window.noted = { before: window.jarvisBoard.edges.length, was: led.dataset.lit, changes: [] };
    new MutationObserver(changes => {
        for (const change of changes) window.noted.changes.push([performance.now(), change.oldValue]);
    }).observe(led, { attributes: true, attributeFilter: ['data-lit'], attributeOldValue: true });";

async fn edges_of_the_page(browser: &Browser) -> Vec<(u64, bool)> {
    let edges = browser.ask("return window.jarvisBoard.edges", Vec::new()).await;
    let edges = edges.as_array().unwrap().iter();
    edges.map(|edge| (edge["at_ms"].as_u64().unwrap(), edge["lit"].as_bool().unwrap())).collect()
}

/// Waits until the page has shown the last edge; there will be no more.
async fn shown_to_the_end(browser: &Browser, board: &Board) -> Vec<(u64, bool)> {
    let last = *board.pin_edges(0).last().unwrap();
    let script = format!("return window.jarvisBoard.edges.some(edge => edge.at_ms === {})", last.0);
    browser.until("the last edge", &script).await;
    edges_of_the_page(browser).await
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn page_shows_every_edge_of_the_pin() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        browser.ask(NOTE_CHANGES, Vec::new()).await;
        browser.click("rotate").await;
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        let groups = "return window.jarvisBoard.edges.length - window.noted.before > 20";
        browser.until("some groups of flashes", groups).await;
        browser.click("install").await;
        browser.comes_to("valid").await;

        // Same levels, times and order: the page shows every edge and adds none.
        let seen = shown_to_the_end(browser, &board).await;
        let pin = board.pin_edges(0);
        assert!(seen.len() > 20, "{seen:?}");
        assert_eq!(seen, pin[pin.len() - seen.len()..], "the pin's: {pin:?}");

        // The drawn LED has shown each of them.
        let noted = browser.ask("return window.noted", Vec::new()).await;
        let before = usize::try_from(noted["before"].as_u64().unwrap()).unwrap();
        let changes: Vec<(f64, bool)> = noted["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| (change[0].as_f64().unwrap(), change[1] != "true"))
            .collect();
        let levels: Vec<bool> = changes.iter().map(|(_, lit)| *lit).collect();
        assert_eq!(levels, seen[before..].iter().map(|(_, lit)| *lit).collect::<Vec<_>>());
        assert_eq!(noted["was"], Value::from(seen[before - 1].1.to_string()));
        let now = browser.ask("return document.getElementById('led').dataset.lit", Vec::new()).await;
        assert_eq!(now, "true");

        // The rhythm is right for most edges: a busy machine is late at times.
        let mut off: Vec<f64> = changes
            .windows(2)
            .zip(seen[before..].windows(2))
            .map(|(shown, pin)| {
                let pin = u32::try_from(pin[1].0 - pin[0].0).unwrap();
                (shown[1].0 - shown[0].0 - f64::from(pin)).abs()
            })
            .collect();
        off.sort_by(f64::total_cmp);
        assert!(off[off.len() / 2] < 25.0, "off by so many milliseconds: {off:?}");
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn late_page_sees_a_steady_led() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        shown_to_the_end(browser, &board).await;
        browser.client.refresh().await.unwrap();
        browser.until("lit", "return document.getElementById('led').dataset.lit === 'true'").await;
        let seen = shown_to_the_end(browser, &board).await;
        let pin = board.pin_edges(0);
        assert_eq!(seen, pin[pin.len() - seen.len()..]);
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn reduced_motion_still_shows_the_led() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        let features =
            serde_json::json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        browser.devtools("Emulation.setEmulatedMedia", features).await;
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        // As during a call.
        let still = "document.getElementById('link').classList.add('asking');
            return ['', '::before', '::after'].every(part => [...document.querySelectorAll('*')].every(element => {
                const style = getComputedStyle(element, part);
                return style.transitionDuration === '0s' && style.animationName === 'none';
            }))";
        assert_eq!(browser.ask(still, Vec::new()).await, true);
        browser.click("server").await;
        browser.click("reload").await;
        browser.comes_to("network").await;
        let count = browser.ask("return window.jarvisBoard.edges.length", Vec::new()).await.as_u64().unwrap();
        browser.until("it flashes", &format!("return window.jarvisBoard.edges.length > {count} + 4")).await;
    });
}
