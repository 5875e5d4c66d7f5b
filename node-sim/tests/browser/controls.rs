//! Each control leads to its outcome, as the page shows it.

use serde_json::json;
use test_support::browser::fantoccini::Locator;

use crate::board;
use crate::browser::{Browser, DESK, with_browser};
use test_support::board::Board;

/// A page on which the node is valid.
async fn valid(browser: &Browser, board: &Board) {
    browser.open(&board.url()).await;
    browser.comes_to("valid").await;
}

/// Whether a switch is on, which means that all is well.
async fn is_on(browser: &Browser, control: &str) -> bool {
    let script = "return document.getElementById(arguments[0]).getAttribute('aria-checked')";
    browser.ask(script, vec![json!(format!("control-{control}"))]).await == "true"
}

/// The newest outcome of the time line.
async fn newest_outcome(browser: &Browser) -> String {
    let script = "return document.querySelector('#lines [data-kind=outcome]').dataset.outcome";
    browser.ask(script, Vec::new()).await.as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn the_server_goes_and_comes_back() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        valid(browser, &board).await;
        assert!(is_on(browser, "server").await);
        assert_eq!(browser.text("led-words").await, "steadily on");

        assert!(browser.click("server").await.contains("down"));
        browser.click("reload").await;
        browser.comes_to("valid-cached").await;
        assert!(!is_on(browser, "server").await);
        assert!(browser.text("reason").await.contains("refused"));
        assert!(!browser.text("fix").await.is_empty());
        assert!(browser.text("server-is").await.starts_with("down"));
        assert_eq!(newest_outcome(browser).await, "valid-cached");
        browser
            .until("a failed try is counted", "return document.getElementById('attempts').innerText > 0")
            .await;

        browser.click("server").await;
        // The node finds out by itself.
        browser.comes_to("valid").await;
        assert!(is_on(browser, "server").await);
        browser
            .until("no failed try is left", "return document.getElementById('attempts').innerText === '0'")
            .await;
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn fault_is_searched_for_set_and_ended() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        valid(browser, &board).await;
        browser.find("l-fault").await.click().await.unwrap();
        browser.find("fault-search").await.send_keys("status maintenance").await.unwrap();
        let found = "return [...document.querySelectorAll('#fault-list li')].filter(row => row.offsetHeight)
            .map(row => row.querySelector('.name').textContent).join()";
        assert_eq!(browser.ask(found, Vec::new()).await, "status-503");

        browser.find("fault-status-503").await.click().await.unwrap();
        assert!(browser.said("fault").await.contains("status-503"));
        browser.click("reload").await;
        browser.comes_to("server").await;
        assert!(browser.text("server-is").await.starts_with("status-503"));
        assert_eq!(board.state()["server"]["faults"], json!(["status-503"]));

        // A contradicting fault is refused, and the page says so.
        let search = browser.find("fault-search").await;
        search.clear().await.unwrap();
        search.send_keys("status-500").await.unwrap();
        browser.find("fault-status-500").await.click().await.unwrap();
        assert!(browser.said("fault").await.contains("contradict"));
        browser
            .until("it is not ticked", "return !document.getElementById('fault-status-500').checked")
            .await;
        assert_eq!(board.state()["server"]["faults"], json!(["status-503"]));

        // A click on its chip ends the fault.
        browser.client.find(Locator::Css("#chips button")).await.unwrap().click().await.unwrap();
        browser.until("no chip is left", "return !document.querySelector('#chips button')").await;
        browser.click("reload").await;
        browser.comes_to("valid").await;
        assert_eq!(board.state()["server"]["faults"], json!([]));
        browser
            .until("it is not ticked", "return !document.getElementById('fault-status-503').checked")
            .await;
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn a_slow_answer_is_seen_while_it_is_waited_for() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        valid(browser, &board).await;
        browser.find("l-fault").await.click().await.unwrap();
        browser.find("fault-late").await.click().await.unwrap();
        browser.said("fault").await;
        browser.click("reload").await;
        browser
            .until("the call is in the time line", "return document.getElementById('open-call') !== null")
            .await;
        browser.until("the node asks", "return document.getElementById('link').className === 'asking'").await;
        browser
            .until(
                "its answer took two seconds",
                "const row = document.querySelector('#lines [data-kind=answer]');
                 return !document.getElementById('open-call')
                    && /^2\\.\\d s$/.test(row.querySelector('.took').innerText)",
            )
            .await;
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn a_key_is_rotated_and_the_new_one_installed() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        valid(browser, &board).await;
        browser.click("rotate").await;
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        assert!(browser.text("led-words").await.starts_with("4 flashes"));
        assert!(browser.text("fix").await.contains("rotated"));
        browser.click("install").await;
        browser.comes_to("valid").await;
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn a_node_is_deactivated_and_another_registered() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        valid(browser, &board).await;
        let before = browser.text("node-id").await;
        browser.click("deactivate").await;
        browser.click("reload").await;
        browser.comes_to("node-rejected").await;
        // A control that makes no sense now is disabled, and the page says why.
        browser.until("nothing to rotate", "return document.getElementById('control-rotate').disabled").await;
        assert!(browser.text("h-rotate").await.contains("deactivated"));
        browser.click("install").await;
        browser.comes_to("valid").await;
        assert_ne!(browser.text("node-id").await, before);
        browser.until("a key to rotate", "return !document.getElementById('control-rotate').disabled").await;
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn wrong_ca_and_the_right_one_are_followed() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        valid(browser, &board).await;
        browser.click("wrong_ca").await;
        browser.comes_to("tls").await;
        assert!(!is_on(browser, "wrong_ca").await);
        browser.click("wrong_ca").await;
        browser.comes_to("valid").await;
        assert!(is_on(browser, "wrong_ca").await);
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn clock_goes_to_1970_and_back() {
    with_browser(DESK, async |browser| {
        let board = board::graceless();
        valid(browser, &board).await;
        browser.click("clock").await;
        browser.comes_to("clock").await;
        assert!(!is_on(browser, "clock").await);
        assert!(browser.text("node-clock").await.starts_with("1970-01-01 "));
        browser.click("clock").await;
        browser.comes_to("valid").await;
        assert!(is_on(browser, "clock").await);
        assert!(browser.text("node-clock").await.starts_with("20"));
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn the_power_is_pulled_and_comes_back() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        valid(browser, &board).await;
        browser.until("it is lit", "return document.getElementById('led').dataset.lit === 'true'").await;
        browser
            .until("its memory", "return document.getElementById('memory-own').innerText.endsWith(' KiB')")
            .await;
        browser.click("power").await;
        browser.comes_to("no power").await;
        browser.until("it is dark", "return document.getElementById('led').dataset.lit === 'false'").await;
        assert_eq!(browser.text("next-check").await, "–");
        assert_eq!(browser.text("memory-own").await, "–");
        assert!(!is_on(browser, "power").await);
        browser.until("nobody to ask", "return document.getElementById('control-reload').disabled").await;
        assert!(browser.text("h-reload").await.contains("power"));
        browser.click("power").await;
        browser.comes_to("valid").await;
        let script = "return [...document.querySelectorAll('#lines [data-kind=outcome]')]
            .map(row => row.dataset.outcome).reverse().join()";
        assert_eq!(browser.ask(script, Vec::new()).await, "starting,valid,starting,valid");
        browser.until("it is lit", "return document.getElementById('led').dataset.lit === 'true'").await;
    });
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn page_asks_no_other_host_and_logs_no_error() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        valid(browser, &board).await;
        for control in ["rotate", "reload", "install", "clock", "clock", "power", "power"] {
            browser.click(control).await;
        }
        browser.find("l-fault").await.click().await.unwrap();
        browser.find("fault-html").await.click().await.unwrap();
        browser.said("fault").await;
        assert_eq!(browser.log("browser").await, Vec::<serde_json::Value>::new());
        let mut asked = Vec::new();
        for entry in browser.log("performance").await {
            let entry: serde_json::Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &entry["message"];
            if message["method"] == "Network.requestWillBeSent" {
                asked.push(message["params"]["request"]["url"].as_str().unwrap().to_owned());
            }
        }
        let own = format!("{}/", board.url());
        assert!(asked.contains(&own) && asked.contains(&format!("{own}events")), "{asked:?}");
        assert!(asked.iter().all(|url| url.starts_with(&own) || url.starts_with("data:")), "{asked:?}");

        // Both checks would notice a request: the policy forbids other hosts.
        browser
            .ask("const s = document.createElement('script'); s.text = '1'; document.head.append(s)", vec![])
            .await;
        browser.ask("new Image().src = 'http://127.0.0.2:9/'", vec![]).await;
        let complaints = browser.log("browser").await;
        assert!(complaints.len() >= 2, "{complaints:?}");
    });
}
