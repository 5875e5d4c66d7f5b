//! A browser, and what a test asks of it.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::panic::resume_unwind;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use futures_util::FutureExt as _;
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::browser::fantoccini::elements::Element;
use test_support::browser::fantoccini::key::Key;
use test_support::browser::fantoccini::wd::WebDriverCompatibleCommand;
use test_support::browser::fantoccini::{Client, ClientBuilder, Locator};
use test_support::browser::url::{ParseError, Url};

/// Long enough for a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Size and colours of the window.
#[derive(Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) dark: bool,
}

pub(crate) const DESK: View = View { width: 1280, height: 900, dark: false };
pub(crate) const DARK: View = View { dark: true, ..DESK };
pub(crate) const PHONE: View = View { width: 360, height: 780, dark: false };

/// Chromium, and the chromedriver that drives it.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    /// Held open, so that chromedriver can always write.
    _stdout: BufReader<ChildStdout>,
    /// For the files that both leave behind.
    _dir: TempDir,
}

/// A command that only chromedriver knows.
#[derive(Debug)]
struct OfChrome {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for OfChrome {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// Runs `test` with a browser of its own, which ends with the test.
pub(crate) fn with_browser(view: View, test: impl AsyncFnOnce(&Browser)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let browser = Browser::start(view).await;
        let ended = AssertUnwindSafe(test(&browser)).catch_unwind().await;
        browser.end().await;
        if let Err(panic) = ended {
            resume_unwind(panic);
        }
    });
}

impl Browser {
    async fn start(view: View) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver (Debian: chromium-driver) is installed");
        let mut stdout = BufReader::new(driver.stdout.take().unwrap());
        let port = loop {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "chromedriver ended");
            if let Some((_, port)) = line.trim().trim_end_matches('.').split_once("successfully on port ") {
                break port.to_owned();
            }
        };
        // Without a sandbox, which root cannot have. The pages are this repository's own.
        let capabilities = json!({
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars",
                format!("--window-size={},{}", view.width.max(600), view.height),
            ] },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let client = match connected {
            Ok(client) => client,
            Err(e) => {
                driver.kill().unwrap();
                driver.wait().unwrap();
                panic!("no Chromium: {e}");
            }
        };
        let browser = Self { client, driver, _stdout: stdout, _dir: dir };
        browser.look_through(view).await;
        browser
    }

    async fn end(mut self) {
        // Chromium itself ends with its session.
        let _ = self.client.close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }

    /// Changes the window's size and preferred colours.
    pub(crate) async fn look_through(&self, view: View) {
        let metrics =
            json!({ "width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if view.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(OfChrome { path: "goog/cdp/execute", body }).await.unwrap()
    }

    /// Empties the log of this kind and returns its entries.
    pub(crate) async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = OfChrome { path: "se/log", body: json!({ "type": kind }) };
        self.client.issue_cmd(entries).await.unwrap().as_array().unwrap().clone()
    }

    /// Opens a page.
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// The result of a script.
    pub(crate) async fn ask(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// The text of the element with this id.
    pub(crate) async fn text(&self, id: &str) -> String {
        let text = self.ask("return document.getElementById(arguments[0]).innerText", vec![json!(id)]).await;
        text.as_str().unwrap().trim().to_owned()
    }

    /// Waits until a script gives a true value, and returns it.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = self.ask(script, Vec::new()).await;
            if !matches!(said, Value::Null | Value::Bool(false)) {
                return said;
            }
            if Instant::now() > end {
                panic!("never: {what}; {}\n{}", self.text("outcome").await, self.text("lines").await);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until the page shows this outcome.
    pub(crate) async fn comes_to(&self, outcome: &str) {
        let script = format!("return document.getElementById('outcome-name').textContent === '{outcome}'");
        self.until(outcome, &script).await;
    }

    pub(crate) async fn find(&self, id: &str) -> Element {
        self.client.find(Locator::Id(id)).await.unwrap()
    }

    /// Clicks on the control of this name as soon as it is enabled; returns what the page says came of it.
    pub(crate) async fn click(&self, control: &str) -> String {
        let script = format!("return !document.getElementById('control-{control}').disabled");
        let listen = format!(
            "window.taken = false;
            document.getElementById('control-{control}').addEventListener('click', () => window.taken = true)"
        );
        self.ask(&listen, Vec::new()).await;
        // On a busy machine a new state may move the control or disable it for a moment. Then a second click is
        // needed.
        let end = Instant::now() + PATIENCE;
        while self.ask("return window.taken", Vec::new()).await != true {
            assert!(Instant::now() < end, "{control} cannot be clicked");
            self.until(&format!("{control} can be had"), &script).await;
            self.find(&format!("control-{control}")).await.click().await.unwrap();
        }
        self.said(control).await
    }

    /// Waits until the page says what came of a control.
    pub(crate) async fn said(&self, control: &str) -> String {
        let script = format!(
            "return !document.querySelector('[aria-busy]')
                && document.getElementById('said-{control}').innerText || null"
        );
        self.until(&format!("{control} says what came of it"), &script).await.as_str().unwrap().to_owned()
    }

    /// Sends keys to the element with the focus.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// The id of the element with the focus; empty for the page itself.
    pub(crate) async fn focus(&self) -> String {
        let id = self.ask("return document.activeElement.id", Vec::new()).await;
        id.as_str().unwrap().to_owned()
    }

    /// Presses Tab until the element with this id has the focus.
    pub(crate) async fn tab_to(&self, id: &str) {
        for _ in 0..200 {
            if self.focus().await == id {
                return;
            }
            self.press(&Key::Tab.to_string()).await;
        }
        panic!("Tab never comes to {id}");
    }
}
