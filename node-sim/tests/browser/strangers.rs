//! Pages from elsewhere.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use crate::board;
use crate::browser::{DESK, with_browser};

/// Tries everything that a page can do; returns the answers.
const TRY: &str = "
    const [board, done] = arguments;
    const order = JSON.stringify({ control: 'power', value: 'pull' });
    const told = async (what, then) => {
        try { return `${what}: ${await then()}`; } catch (error) { return `${what}: refused`; }
    };
    const posted = options => async () => {
        const answer = await fetch(`${board}/do`, { method: 'POST', body: order, ...options });
        return answer.status;
    };
    const form = document.createElement('form'), frame = document.createElement('iframe');
    frame.name = 'frame';
    Object.assign(form, { action: `${board}/do`, method: 'post', enctype: 'text/plain', target: 'frame' });
    const field = document.createElement('input');
    // A POST as text, which browsers allow across origins.
    field.name = order.slice(0, -1) + ',\"x\":\"';
    field.value = '\"}';
    form.append(field);
    document.body.append(form, frame);
    const events = () => new Promise((resolve, reject) => {
        const source = new EventSource(`${board}/events`);
        source.onmessage = source.onopen = resolve;
        source.onerror = () => { source.close(); reject(); };
    });
    (async () => done([
        await told('json', posted({ headers: { 'content-type': 'application/json' } })),
        await told('text', posted({ mode: 'no-cors' })),
        await told('form', () => new Promise(resolve => {
            frame.onload = () => resolve('not told');
            form.submit();
        })),
        await told('state', async () => (await fetch(`${board}/state`)).status),
        await told('events', events),
    ]))();";

/// A page at another port, which is another origin.
fn elsewhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let page = "<!doctype html><title>elsewhere</title><link rel=icon href='data:,'><body>";
            // The browser may have gone.
            let _ = stream.read(&mut request);
            let _ = write!(
                stream,
                "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
        }
    });
    url
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn foreign_page_can_neither_drive_nor_read_the_board() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;

        browser.open(&elsewhere()).await;
        let told = browser.client.execute_async(TRY, vec![json!(board.url())]).await.unwrap();
        let expected =
            ["json: refused", "text: refused", "form: not told", "state: refused", "events: refused"];
        assert_eq!(told, json!(expected));
        let framed = "const frame = document.createElement('iframe');
            frame.src = arguments[0];
            const done = arguments[1];
            frame.onload = () => done(frame.contentWindow.length);
            document.body.append(frame);";
        browser.client.execute_async(framed, vec![json!(board.url())]).await.unwrap();
        let log = format!("{:?}", browser.log("browser").await);
        assert!(log.contains("frame-ancestors"), "the page let itself be framed: {log}");

        // None of the commands was carried out.
        assert_eq!(board.state()["node"]["powered"], true);
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        let orders =
            "return window.jarvisBoard.lines.filter(line => /^(control|power)$/.test(line.kind)).length";
        assert_eq!(browser.ask(orders, Vec::new()).await, 1, "the power came on once, and that is all");

        // The same commands from the board's own page are carried out.
        let told = browser.client.execute_async(TRY, vec![json!(board.url())]).await.unwrap();
        assert_eq!(told[0], "json: 200", "{told}");
        browser.comes_to("no power").await;
    });
}
