//! Secrets typed at a terminal: it does not show them, and it is as before afterwards. The terminal is that of script(1).

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use test_support::binaries::jarvis_node;
use test_support::rig::Rig;

/// A terminal, and what it has shown that was not looked at yet.
pub(super) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: BufReader<ChildStdout>,
}

impl Terminal {
    /// Runs `jarvis-node` with these arguments, and then `stty`.
    pub(super) fn running(rig: &Rig, arguments: &str) -> Self {
        let (program, config) = (jarvis_node(), rig.config());
        let script = format!(
            "trap : INT; '{}' {arguments} --config '{}'; echo \"exit code $?\"; stty -a; echo done",
            program.display(),
            config.display()
        );
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &script, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.env("SHELL", "/bin/sh").spawn().unwrap();
        let (keys, screen) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, keys, screen }
    }

    pub(super) fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.screen.read_line(&mut line).unwrap() > 0, "no {words}");
        }
    }

    pub(super) fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// All that was shown until the end.
    pub(super) fn rest(mut self) -> String {
        let mut shown = String::new();
        let mut line = String::new();
        while !line.starts_with("done") {
            shown += &line;
            line.clear();
            assert!(self.screen.read_line(&mut line).unwrap() > 0, "cut: {shown}");
        }
        drop(self.keys);
        let _ = self.screen.read_to_string(&mut line);
        self.child.wait().unwrap();
        shown
    }
}

pub(super) fn is_as_before(shown: &str) -> bool {
    let words: Vec<_> = shown.split([' ', ';', '\r', '\n']).collect();
    ["echo", "icanon", "isig", "-echonl"].iter().all(|mode| words.contains(mode))
}

#[test]
fn secret_typed_at_a_terminal_is_not_shown() {
    let rig = Rig::new();
    let token = rig.stub.provisioning_token();
    let url = rig.stub.command_center_url();
    let mut terminal = Terminal::running(&rig, &format!("enroll --url {url} --node-id attic-pi --replace"));
    terminal.wait_for("paste the provisioning token, then Enter (it is not shown):");
    terminal.type_in(&format!("{token}\n"));
    let shown = terminal.rest();
    assert!(shown.contains("this node is attic-pi") && shown.contains("exit code 0"), "{shown}");
    assert!(!shown.contains("prov_") && is_as_before(&shown), "{shown}");

    let mut terminal = Terminal::running(&rig, "install-credential");
    terminal.wait_for("(it is not shown):");
    terminal.type_in("{\"node_id\":\"attic-pi\",\n\"node_key\":\"s3cret-key\"}\n\u{4}");
    let shown = terminal.rest();
    assert!(shown.contains("rejects the new credential") && shown.contains("exit code 77"), "{shown}");
    assert!(!shown.contains("s3cret-key") && is_as_before(&shown), "{shown}");
}

#[test]
fn terminal_is_as_before_after_ctrl_c() {
    let rig = Rig::new();
    let mut terminal = Terminal::running(&rig, "install-credential");
    terminal.wait_for("(it is not shown):");
    terminal.type_in("{\"node_id\":\u{3}");
    let shown = terminal.rest();
    assert!(shown.contains("exit code 130") && is_as_before(&shown), "{shown}");
}
