//! `node-sim board` as a child, asked by hand.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::signal;
use crate::waiting::PATIENCE;

/// A board that runs. Killed when dropped.
#[derive(Debug)]
pub struct Board {
    child: Child,
    /// Where it listens: host and port.
    pub host: String,
    /// Its temporary files.
    pub dir: TempDir,
}

/// What the board answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the header fields.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Board {
    /// Starts `node_sim`, which is the program, with these arguments of `board`.
    ///
    /// # Panics
    /// If it does not start or does not say where it listens.
    pub fn start(node_sim: &mut Command, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let command = node_sim.args(["board", "--no-open"]).args(arguments);
        command.arg("--pin-log").arg(dir.path().join("pin.log")).env("TMPDIR", dir.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().strip_prefix("http://").and_then(|url| url.strip_suffix('/'));
        let host = host.unwrap_or_else(|| panic!("no URL, but {line:?}")).to_owned();
        Self { child, host, dir }
    }

    /// Its page, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Sends a request with these lines and this body, and returns the answer. `HOST` stands for the board's host.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn ask(&self, head: &str, body: &str) -> Answer {
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

    /// The answer to a GET.
    pub fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: HOST"), "")
    }

    /// Does what the page does for one of its controls; the status, and what the board says came of it.
    ///
    /// # Panics
    /// If that is no JSON.
    pub fn put(&self, control: &str, value: impl Into<Value>) -> (u16, Value) {
        let body = json!({ "control": control, "value": value.into() }).to_string();
        let answer = self.ask(
            "POST /do HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json",
            &body,
        );
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    /// Does the same where it must succeed.
    ///
    /// # Panics
    /// If it does not.
    pub fn set(&self, control: &str, value: impl Into<Value>) {
        let (status, said) = self.put(control, value);
        assert_eq!((status, &said["ok"]), (200, &Value::Bool(true)), "{control}: {said}");
        assert!(said["said"].as_str().is_some_and(|said| said.ends_with('.')), "a sentence: {said}");
    }

    /// What `GET /state` says.
    ///
    /// # Panics
    /// If that is no JSON.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.get("/state").body).unwrap()
    }

    /// The stream of events as a newcomer gets it.
    pub fn watch(&self) -> Watch {
        self.resume(None)
    }

    /// The stream of events for a client that has seen all up to `last_id`.
    ///
    /// # Panics
    /// If there is none.
    pub fn resume(&self, last_id: Option<&str>) -> Watch {
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

    /// Whether the board has room for one more stream of events.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn may_look(&self) -> bool {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /events HTTP/1.0\r\nHost: {}\r\n\r\n", self.host).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.contains(" 200 ")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of its node, where the system tells.
    pub fn node_pid(&self) -> Option<u32> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
        let children =
            threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
        children.collect::<String>().split_whitespace().next().and_then(|pid| pid.parse().ok())
    }

    /// The folder of its node's files.
    ///
    /// # Panics
    /// If there is none.
    pub fn files(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| path.is_dir()).unwrap()
    }

    /// The edges of the pin since this line of the record that the node's own process keeps: milliseconds, and
    /// whether it is lit since then. A level that is set once more is no edge.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn pin_edges(&self, from_line: usize) -> Vec<(u64, bool)> {
        let mut edges: Vec<(u64, bool)> = Vec::new();
        for line in self.pin_log().lines().skip(from_line) {
            let (at, level) = line.split_once(' ').unwrap();
            let lit = level == "1";
            if edges.last().is_none_or(|(_, was)| *was != lit) {
                edges.push((at.parse().unwrap(), lit));
            }
        }
        edges
    }

    /// How many lines that record has.
    pub fn pin_lines(&self) -> usize {
        self.pin_log().lines().count()
    }

    /// The record, without a last line that is still being written.
    fn pin_log(&self) -> String {
        let mut log = fs::read_to_string(self.dir.path().join("pin.log")).unwrap();
        log.truncate(log.rfind('\n').map_or(0, |end| end + 1));
        log
    }

    /// Sends the board, but not its node, a signal.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn wait(&mut self) -> ExitStatus {
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
pub struct Event {
    /// What a client names to resume after it.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What it says.
    pub data: Value,
}

/// A stream of events.
#[derive(Debug)]
pub struct Watch {
    lines: BufReader<TcpStream>,
    /// All events so far.
    pub seen: Vec<Event>,
}

impl Watch {
    /// The next event. None: the stream has ended.
    ///
    /// # Panics
    /// If the stream holds something else.
    #[expect(clippy::should_implement_trait, reason = "a test waits for one event after the other")]
    pub fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: String::new(), kind: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).ok()?;
            if !line.ends_with('\n') {
                // The stream was cut off in this event.
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
    ///
    /// # Panics
    /// If none comes.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
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

    /// Waits until the board's state says this outcome, and returns the state.
    pub fn comes_to(&mut self, outcome: &str) -> Value {
        self.until(outcome, |event| event.kind == "state" && event.data["node"]["outcome"] == *outcome).data
    }

    /// The edges so far.
    ///
    /// # Panics
    /// If an event of an edge is not whole.
    pub fn edges(&self) -> Vec<(u64, bool)> {
        let edges = self.seen.iter().filter(|event| event.kind == "edge");
        edges.map(|e| (e.data["at_ms"].as_u64().unwrap(), e.data["lit"].as_bool().unwrap())).collect()
    }
}
