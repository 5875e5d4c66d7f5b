//! A board to look at.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A running `node-sim board`. Killed when dropped, and its node with it.
pub(crate) struct Board {
    process: Child,
    /// Of its page, without a slash at the end.
    pub(crate) url: String,
    dir: TempDir,
}

impl Board {
    /// One whose node keeps a good verdict for two minutes.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One whose node shows at once what stands in its way: no verdict outlives the server.
    pub(crate) fn graceless() -> Self {
        Self::with(&["--grace", "0"])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::listening("127.0.0.1:0", arguments)
    }

    pub(crate) fn listening(at: &str, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_node-sim"));
        command.args(["board", "--no-open", "--listen", at]).args(arguments);
        command.arg("--pin-log").arg(dir.path().join("pin.log")).env("TMPDIR", dir.path());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().trim_end_matches('/').to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "no URL, but {line:?}");
        Self { process, url, dir }
    }

    /// Host and port.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends the board, but not its node, a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// What `GET /state` says.
    pub(crate) fn state(&self) -> Value {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        write!(stream, "GET /state HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The edges of the pin by the record that its own process keeps: what it was set to and when, in
    /// milliseconds. A level that is only confirmed is no edge.
    pub(crate) fn edges_of_the_pin(&self) -> Vec<(u64, bool)> {
        let log = fs::read_to_string(self.dir.path().join("pin.log")).unwrap();
        let mut edges: Vec<(u64, bool)> = Vec::new();
        // The last line may be half written.
        for line in log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let (ms, level) = line.split_once(' ').unwrap();
            let lit = level == "1";
            if edges.last().is_none_or(|(_, was)| *was != lit) {
                edges.push((ms.parse().unwrap(), lit));
            }
        }
        edges
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
