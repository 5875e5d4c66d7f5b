//! What it looks like: on a phone, by day and by night.

use serde_json::Value;

use crate::board;
use crate::browser::{Browser, DARK, DESK, PHONE, with_browser};

/// How many texts are visible, which of them have too little contrast, and how light the background is. Colours
/// are read by painting them; an element without a background has that of its parent. Disabled controls may be
/// faint.
const FAINT: &str = "
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const paint = (colour, ground) => {
        canvas.globalCompositeOperation = 'source-over';
        canvas.fillStyle = `rgb(${ground.join()})`;
        canvas.fillRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const ground = element => {
        const below = element.parentElement ? ground(element.parentElement) : [255, 255, 255];
        return paint(getComputedStyle(element).backgroundColor, below);
    };
    const luminance = rgb => {
        const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = rgb.map(c => linear(c / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faint = [];
    let count = 0;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim()) continue;
        if (!element.checkVisibility({ visibilityProperty: true })) continue;
        if (element.closest('svg, :disabled')) continue;
        const behind = ground(element), colour = paint(getComputedStyle(element).color, behind);
        const [dark, light] = [luminance(behind), luminance(colour)].sort((a, b) => a - b);
        const contrast = (light + 0.05) / (dark + 0.05);
        count++;
        if (contrast < 4.5) faint.push([texts.currentNode.data.trim(), contrast]);
    }
    return { count, faint, ground: luminance(ground(document.body)) };";

async fn is_legible(browser: &Browser) -> f64 {
    let found = browser.ask(FAINT, Vec::new()).await;
    assert!(found["count"].as_u64().unwrap() > 40, "{found}");
    assert_eq!(found["faint"], Value::Array(Vec::new()));
    found["ground"].as_f64().unwrap()
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn every_word_is_legible_by_day_and_by_night() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        browser.find("show-log").await.click().await.unwrap();
        browser.find("l-fault").await.click().await.unwrap();
        browser.find("fault-status-503").await.click().await.unwrap();
        browser.said("fault").await;
        browser.click("reload").await;
        browser.comes_to("valid-cached").await;
        let day = is_legible(browser).await;
        browser.look_through(DARK).await;
        let night = is_legible(browser).await;
        assert!(day > 0.7 && night < 0.05, "{day} {night}");

        browser.find("fault-status-500").await.click().await.unwrap();
        assert!(browser.said("fault").await.contains("contradict"));
        browser.find("fault-status-503").await.click().await.unwrap();
        browser.until("ended", "return !document.querySelector('#chips button')").await;
        browser.click("deactivate").await;
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        is_legible(browser).await;
        browser.look_through(DESK).await;
        is_legible(browser).await;
        browser.click("power").await;
        browser.comes_to("no power").await;
        is_legible(browser).await;
    });
}

/// Checks that nothing is wider than the screen, and that all controls are on it and large enough for a finger.
async fn fits(browser: &Browser) {
    let wide = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth,
        document.body.scrollWidth]";
    assert_eq!(browser.ask(wide, Vec::new()).await, serde_json::json!([360, 360, 360]));
    let outside =
        "return [...document.querySelectorAll('button, summary, input')].filter(e => e.offsetHeight)
        .filter(e => {
            const box = e.getBoundingClientRect(), hit = (e.closest('label') || e).getBoundingClientRect();
            return box.left < 0 || box.right > 360 || hit.width < 24 || hit.height < 24;
        }).map(e => e.id || e.textContent)";
    assert_eq!(browser.ask(outside, Vec::new()).await, Value::Array(Vec::new()));
    let cut =
        "return [...document.querySelectorAll('main *')].filter(e => e.offsetHeight && !e.closest('svg')
        && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible').map(e => e.id)";
    assert_eq!(browser.ask(cut, Vec::new()).await, Value::Array(Vec::new()));
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn page_fits_a_phone() {
    with_browser(PHONE, async |browser| {
        let board = board::start();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        fits(browser).await;
        browser.find("l-fault").await.click().await.unwrap();
        browser.find("fault-terminal-escapes").await.click().await.unwrap();
        browser.said("fault").await;
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        browser.find("show-log").await.click().await.unwrap();
        fits(browser).await;
        // With the controls in view the result is visible, too.
        browser.find("control-power").await.click().await.unwrap();
        browser.comes_to("no power").await;
        let head = "const now = document.getElementById('now');
            return now.checkVisibility({ visibilityProperty: true }) && now.innerText.trim()";
        assert_eq!(browser.until("the head says it", head).await, "no power");
        fits(browser).await;
    });
}
