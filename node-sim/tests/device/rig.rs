//! The binary, a stub for it to ask, and servers that misbehave.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use serde_json::Value;
use server_stub::{Options, Stub};
use tempfile::TempDir;

/// Long enough for a machine that is busy with other things.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The device's binary, built if need be.
pub(super) fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built(&[]))
}

/// The same, built with these further arguments of cargo, which offers a package's tests only its own.
pub(super) fn built(more: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--workspace", "--bin", "jarvis-node", "--message-format", "json"]).args(more);
    // What cargo tells a test of its own package would make build scripts run again.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    let output = cargo.current_dir(root).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "jarvis-node does not build");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["executable"].as_str().map(Into::into))
        .next_back()
        .unwrap()
}

/// A stub server, and a folder with a node's files for it.
pub(super) struct Rig {
    pub(super) stub: Stub,
    pub(super) dir: TempDir,
}

impl Rig {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stub = Stub::start(Options { dir: Some(dir.path().into()), ..Options::default() }).unwrap();
        let rig = Self { stub, dir };
        // Nobody shares this server: no need to spread calls over time.
        rig.configure("start_splay_secs", 0);
        rig
    }

    pub(super) fn configure(&self, key: &str, value: impl Into<Value>) {
        let path = self.config();
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config[key] = value.into();
        fs::write(path, config.to_string()).unwrap();
    }

    pub(super) fn config(&self) -> PathBuf {
        self.dir.path().join("config.json")
    }

    /// Puts a credential with this key in place, as a careful person would.
    pub(super) fn install(&self, node_key: &str) {
        let path = self.dir.path().join("credential.json");
        let text = fs::read_to_string(&path).unwrap();
        let mut credential: Value = serde_json::from_str(&text).unwrap();
        credential["node_key"] = node_key.into();
        let new = self.dir.path().join("credential.new");
        fs::copy(&path, &new).unwrap();
        fs::write(&new, credential.to_string()).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub(super) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(binary());
        command.arg(verb).arg("--config").arg(self.config()).env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// Runs `command` with `input`; gives exit code, standard output and standard error.
    pub(super) fn feed(command: &mut Command, input: &str) -> (Option<i32>, String, String) {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        // It may have said no without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// `check --json`: its exit code and what it printed.
    pub(super) fn check(&self) -> (Option<i32>, Value) {
        let output = self.command("check").arg("--json").output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    /// `status --json`.
    pub(super) fn status(&self) -> Value {
        let output = self.command("status").arg("--json").output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A running daemon. Killed when dropped.
pub(super) struct Daemon {
    child: Child,
    log: Receiver<String>,
    pub(super) lines: Vec<String>,
}

impl Daemon {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (tell, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, log, lines: Vec::new() }
    }

    /// Waits for the log line that begins with `outcome`.
    pub(super) fn comes_to(&mut self, outcome: &str) -> String {
        let wanted = format!("] {outcome}: ");
        self.logs(&wanted)
    }

    /// Waits for a log line that holds `wanted`.
    pub(super) fn logs(&mut self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.log.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.lines.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
        panic!("no '{wanted}' in {:#?}", self.lines);
    }

    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg("-s").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGTERM; returns how, and how long that took.
    pub(super) fn stop(self) -> (ExitStatus, Duration) {
        let (status, took, _) = self.end();
        (status, took)
    }

    /// The same, and all that it ever logged.
    pub(super) fn end(mut self) -> (ExitStatus, Duration, Vec<String>) {
        let start = Instant::now();
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        let took = start.elapsed();
        // Whoever reads its log comes to the end of it soon.
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.lines.push(line);
        }
        (status, took, core::mem::take(&mut self.lines))
    }

    /// Ends it by SIGKILL.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that does `behave` with every connection, until the test's process ends.
pub(super) fn rude_server(behave: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || behave(stream));
        }
    });
    address
}

/// Reads a request's head and its body, if `content-length` tells how long that is.
pub(super) fn read_request(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return text;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text += &line;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    text + &String::from_utf8_lossy(&body)
}

/// Answers with these bytes after a whole request, and closes.
pub(super) fn answer(mut stream: TcpStream, bytes: &[u8]) {
    read_request(&mut stream);
    let _ = stream.write_all(bytes);
}
