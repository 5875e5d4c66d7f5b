//! The device's daemon as a child.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use crate::process::signal;
use crate::waiting::PATIENCE;

/// A daemon that runs. Killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: Receiver<String>,
    /// What it has logged, as far as it was waited for.
    pub lines: Vec<String>,
}

impl Daemon {
    /// Starts this command, which must be `jarvis-node run`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(command: &mut Command) -> Self {
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

    /// Waits for the log line that tells of `outcome`, and returns it.
    pub fn comes_to(&mut self, outcome: &str) -> String {
        let wanted = format!("] {outcome}: ");
        self.logs(&wanted)
    }

    /// Waits for a log line that holds `wanted`, and returns it.
    ///
    /// # Panics
    /// If there is none for too long.
    pub fn logs(&mut self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.log.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.lines.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
        panic!("no '{wanted}' in {:#?}", self.lines);
    }

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGTERM; returns how, and how long that took.
    pub fn stop(self) -> (ExitStatus, Duration) {
        let (status, took, _) = self.end();
        (status, took)
    }

    /// Ends it by SIGTERM; returns how, how long that took, and all that it has logged.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn end(mut self) -> (ExitStatus, Duration, Vec<String>) {
        let start = Instant::now();
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        let took = start.elapsed();
        // The log ends with the process.
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.lines.push(line);
        }
        (status, took, core::mem::take(&mut self.lines))
    }

    /// Ends it by SIGKILL.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(mut self) {
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
