//! Commands that are run to their end, and signals.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a command ended: its exit code, standard output and standard error.
pub type Ended = (Option<i32>, String, String);

/// Runs `command` to its end.
///
/// # Panics
/// If it does not start, or prints something that is not text.
pub fn run_to_end(command: &mut Command) -> Ended {
    feed(command, "")
}

/// Runs `command` to its end with `input` as its standard input.
///
/// # Panics
/// If it does not start, or prints something that is not text.
pub fn feed(command: &mut Command, input: &str) -> Ended {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // A command may end without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Writes a script that can be run at once. A child writes it: a file that this process has open for writing is inherited by
/// what other threads start meanwhile, and as long as they have it the system runs it for nobody (`ETXTBSY`).
///
/// # Panics
/// If it cannot be written.
pub fn write_script(path: &Path, text: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path);
    assert_eq!(feed(&mut command, text).0, Some(0), "{}", path.display());
}

/// Sends a process a signal, such as `TERM`.
///
/// # Panics
/// If the process has ended.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "SIG{name} to {pid}");
}
