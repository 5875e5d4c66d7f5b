//! A board that runs, asked by hand.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::process::signal;
use test_support::waiting::PATIENCE;

use crate::node_sim;

/// A running board. Killed when dropped.
pub(super) struct Board {
    child: Child,
    /// Where it listens: host and port.
    pub(super) host: String,
    /// Its temporary files.
    pub(super) dir: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Board {
    /// One whose node shows at once what stands in its way: no verdict outlives the server.
    pub(super) fn start() -> Self {
        Self::with(&["--grace", "0"])
    }

    /// One that listens wherever there is room.
    pub(super) fn with(arguments: &[&str]) -> Self {
        Self::run(&[&["--listen", "127.0.0.1:0"], arguments].concat())
    }

    /// One with these arguments.
    pub(super) fn run(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = node_sim(&["board", "--no-open"]);
        command.args(arguments);
        command.arg("--pin-log").arg(dir.path().join("pin.log"));
        let mut child = command.env("TMPDIR", dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/'));
        let host = host.unwrap_or_else(|| panic!("no URL, but {line:?}")).to_owned();
        Self { child, host, dir }
    }

    /// A request of these lines, which end it.
    pub(super) fn ask(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = head.replace("HOST", &self.host);
        write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: HOST"), "")
    }

    /// What the page does for one of its controls.
    pub(super) fn put(&self, control: &str, value: impl Into<Value>) -> (u16, Value) {
        let body = json!({ "control": control, "value": value.into() }).to_string();
        let answer = self.ask(
            "POST /do HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json",
            &body,
        );
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    /// The same, which has to succeed.
    pub(super) fn set(&self, control: &str, value: impl Into<Value>) {
        let (status, said) = self.put(control, value);
        assert_eq!((status, &said["ok"]), (200, &Value::Bool(true)), "{control}: {said}");
        assert!(said["said"].as_str().is_some_and(|said| said.ends_with('.')), "a sentence: {said}");
    }

    pub(super) fn state(&self) -> Value {
        serde_json::from_str(&self.get("/state").body).unwrap()
    }

    /// Everything that happens from now on, after what a newcomer gets.
    pub(super) fn watch(&self) -> Watch {
        self.resume(None)
    }

    pub(super) fn resume(&self, last_id: Option<&str>) -> Watch {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // HTTP/1.0: the stream as it is, without chunks.
        let last = last_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET /events HTTP/1.0\r\nHost: {}\r\n{last}\r\n", self.host).unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.contains(" 200 ") && head.contains("text/event-stream"), "{head}");
        Watch { lines, seen: Vec::new() }
    }

    /// Whether one more may look.
    pub(super) fn may_look(&self) -> bool {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /events HTTP/1.0\r\nHost: {}\r\n\r\n", self.host).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.contains(" 200 ")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of its node, where the system tells.
    pub(super) fn node_pid(&self) -> Option<u32> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
        let children =
            threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
        children.collect::<String>().split_whitespace().next().and_then(|pid| pid.parse().ok())
    }

    /// The folder of its node's files.
    pub(super) fn files(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.is_dir()).unwrap()
    }

    pub(super) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An event of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) data: Value,
}

/// A stream of events.
pub(super) struct Watch {
    lines: BufReader<TcpStream>,
    pub(super) seen: Vec<Event>,
}

impl Watch {
    /// The next event. None: the stream has ended.
    pub(super) fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: String::new(), kind: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).ok()?;
            if !line.ends_with('\n') {
                // Cut off, wherever that was.
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("event", kind)) => event.kind = kind.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                Some(("retry", ms)) => assert_eq!(ms, "1000"),
                Some(_) => panic!("not of this stream: {line:?}"),
                None if event.kind.is_empty() => {}
                None => {
                    self.seen.push(event.clone());
                    return Some(event);
                }
            }
        }
    }

    /// Waits for an event that is as wanted.
    pub(super) fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        let from = self.seen.len();
        while Instant::now() < end {
            match self.next() {
                Some(event) if wanted(&event) => return event,
                Some(_) => {}
                None => break,
            }
        }
        let told = |event: &Event| match event.kind.as_str() {
            "state" => format!("{} state: {}", event.id, event.data["node"]),
            kind => format!("{} {kind}: {}", event.id, event.data),
        };
        let seen: Vec<_> = self.seen[from..].iter().map(told).collect();
        panic!("never {what}: {}", seen.join("\n"));
    }

    /// Waits until the board's state says this outcome, and gives the state.
    pub(super) fn comes_to(&mut self, outcome: &str) -> Value {
        self.until(outcome, |event| event.kind == "state" && event.data["node"]["outcome"] == *outcome).data
    }

    /// The edges so far.
    pub(super) fn edges(&self) -> Vec<(u64, bool)> {
        let edges = self.seen.iter().filter(|event| event.kind == "edge");
        edges.map(|e| (e.data["at_ms"].as_u64().unwrap(), e.data["lit"].as_bool().unwrap())).collect()
    }
}
