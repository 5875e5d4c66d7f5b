//! What users other than root can take of the daemon: needs root, to be those users, and python3, to be many of them.

use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};
use test_support::daemon::Daemon;
use test_support::process::run_to_end;
use test_support::waiting::undisturbed;

use super::guide::block;
use super::rig::{Rig, skipped, uid};

/// The memory that the unit allows.
const MEMORY: u64 = 16 * 1024 * 1024;
/// A user whom a rule allows a token, and one whom no rule allows anything.
const MEMBER: u32 = 4321;
const STRANGER: u32 = 5432;

/// Becomes the user whose number is the first argument. All is imported before: that user may not be able to read Python.
const BECOME: &str = "
import fcntl, http.client, json, os, random, resource, socket, struct, sys, termios, time, urllib.parse
import encodings.idna
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
user = int(sys.argv.pop(1))
os.setgroups([])
os.setgid(user)
os.setuid(user)
";

/// Makes COUNT connections to SOCKET that ask and never read. Tells when they are made, and how many answers are unread.
const NEVER_READ: &str = "
path, count = sys.argv[1], int(sys.argv[2])
made = []
for _ in range(count):
    one = socket.socket(socket.AF_UNIX)
    made.append(one)
    try:
        one.connect(path)
        one.sendall(b'GET /v1/status HTTP/1.1\\r\\n\\r\\n')
    except OSError:
        pass
print('made', flush=True)
sys.stdin.readline()
unread = lambda one: struct.unpack('i', fcntl.ioctl(one, termios.FIONREAD, b'0000'))[0]
print(sum(unread(one) > 0 for one in made), sum(map(unread, made)), flush=True)
sys.stdin.readline()
";

/// Connects and leaves in a loop.
const NEVER_STAY: &str = "
while True:
    one = socket.socket(socket.AF_UNIX)
    one.connect(sys.argv[1])
    one.close()
";

/// Asks for SECONDS and tells how long the calls took, in milliseconds: the 99th percentile and the longest.
const ASK: &str = "
path, took, end = sys.argv[1], [], time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    start = time.monotonic()
    one = socket.socket(socket.AF_UNIX)
    one.connect(path)
    one.sendall(b'GET /v1/token?audience=arp-run-gateway HTTP/1.1\\r\\n\\r\\n')
    heard = b''
    while chunk := one.recv(65536):
        heard += chunk
    assert heard.startswith(b'HTTP/1.1 200 '), heard
    took.append((time.monotonic() - start) * 1000)
took.sort()
print(len(took), took[len(took) * 99 // 100], took[-1], flush=True)
";

/// A program in Python that runs as another user. Killed when dropped.
struct Program(Child, BufReader<ChildStdout>);

impl Program {
    fn run(uid: u32, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", &format!("{BECOME}{program}"), &uid.to_string()]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    /// The numbers in its next line.
    fn tells(&mut self) -> Vec<f64> {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    fn go_on(&mut self) {
        std::io::Write::write_all(self.0.stdin.as_mut().unwrap(), b"\n").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A control group whose processes may have 16 MiB. Removed when dropped.
struct Group {
    folder: PathBuf,
    most_used: &'static str,
}

impl Group {
    /// `None` where the system lets nobody make one, as in most containers.
    fn new() -> Option<Self> {
        let name = format!("jarvis-node-test-{}", std::process::id());
        let versions = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
            ("/sys/fs/cgroup", "memory.max", "memory.peak"),
        ];
        versions.into_iter().find_map(|(top, limit, most_used)| {
            let folder = Path::new(top).join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Self { folder, most_used };
            fs::write(group.folder.join(limit), MEMORY.to_string()).ok()?;
            Some(group)
        })
    }

    /// `None` where the system does not tell: before Linux 5.19.
    fn most_used(&self) -> Option<u64> {
        fs::read_to_string(self.folder.join(self.most_used)).ok()?.trim().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

/// A rig with one rule, for [`MEMBER`], whose socket other users can reach.
fn rig() -> Rig {
    assert_eq!(uid(), 0, "only root can be somebody else");
    let rig = Rig::new();
    rig.rules(&json!({"arp-run-gateway": {"users": [MEMBER]}}));
    fs::set_permissions(rig.node.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    rig
}

/// `jarvis-node run` in `group`. It does not lock its memory: in a development build the program itself is too large.
fn run_in(group: Option<&Group>, rig: &Rig) -> Command {
    let plain = rig.command("run");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -l 64; [ -z \"$0\" ] || echo $$ >\"$0\"; exec \"$@\""]);
    command.arg(group.map_or_else(PathBuf::new, |group| group.folder.join("cgroup.procs")));
    command.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// How long root waits for an answer, and a user in the rules, at the 99th percentile, while a stranger makes 20,000
/// connections that it does not read. Checks what these cost.
fn waits_beside_unread(rig: &Rig, daemon: &Daemon) -> (Duration, Duration) {
    const CONNECTIONS: u64 = 20_000;
    let socket = rig.socket();
    let socket = socket.to_str().unwrap();
    let descriptors = getrlimit(Resource::Nofile).maximum.unwrap_or(CONNECTIONS);
    let each = (descriptors - 100).min(CONNECTIONS / 4);
    let mut strangers: Vec<_> = (0..CONNECTIONS.div_ceil(each))
        .map(|_| Program::run(STRANGER, NEVER_READ, &[socket, &each.to_string()]))
        .collect();
    let mut member = Program::run(MEMBER, ASK, &[socket, "4"]);
    let (start, mut root) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        let answer = rig.asking("/v1/health").answer();
        root.push(asked.elapsed());
        assert_eq!(answer.status, 200);
    }
    let member = Duration::from_secs_f64(member.tells()[1] / 1000.0);
    let (mut unread, mut bytes) = (0.0, 0.0);
    for stranger in &mut strangers {
        stranger.tells();
        stranger.go_on();
        let told = stranger.tells();
        (unread, bytes) = (unread + told[0], bytes + told[1]);
    }
    assert!(unread > 1.0 && unread <= 64.0, "{unread} answers are unread");
    // The system charges the daemon half as much again for its own notes.
    assert!(bytes <= 64.0 * 3072.0, "{bytes} bytes are unread");
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    assert!(open < 64 + 32, "{open} descriptors");
    root.sort();
    (root[root.len() * 99 / 100], member)
}

#[test]
#[ignore = "needs root"]
fn unread_connections_of_a_stranger_cost_little() {
    let _undisturbed = undisturbed();
    let rig = rig();
    let group = Group::new();
    if group.is_none() {
        skipped(
            "no control group can be made here: what is unread is counted, but not what the system charges",
        );
    }
    let mut daemon = rig.daemon_by(&mut run_in(group.as_ref(), &rig));
    daemon.comes_to("valid");
    // Other load of the machine may be in the way of one attempt.
    let kept = (0..5).any(|_| {
        let (root, member) = waits_beside_unread(&rig, &daemon);
        root < Duration::from_millis(100) && member < Duration::from_millis(50)
    });
    assert!(kept, "root waited 100 ms, or a user in the rules 50 ms");
    let used = group.as_ref().and_then(Group::most_used);
    assert!(used.is_none_or(|used| used < MEMORY / 2), "{used:?} bytes");
    assert_eq!(daemon.stop().0.code(), Some(0));
}

#[test]
#[ignore = "needs root"]
fn loops_that_connect_and_leave_keep_nobody_out() {
    let _undisturbed = undisturbed();
    let rig = rig();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let socket = rig.socket();
    let socket = socket.to_str().unwrap();
    let _loops = [STRANGER, STRANGER + 1].map(|uid| Program::run(uid, NEVER_STAY, &[socket]));
    // A client that blocks waits for its turn, and one that does not asks again.
    let mut member = Program::run(MEMBER, ASK, &[socket, "3"]);
    let guide = format!(
        "os.environ['JARVIS_NODE_SOCKET'] = sys.argv[1]\n{}\nfor _ in range(20): token('arp-run-gateway')\nprint(1)",
        block("python")
    );
    let mut patient = Program::run(MEMBER, &guide, &[socket]);
    let member = member.tells();
    assert!(member[0] > 10.0 && member[1] < 1000.0, "{member:?}");
    assert_eq!(patient.tells(), [1.0], "the client of the guide has all its tokens");
    let mut own = rig.command("token");
    let (code, out, err) =
        run_to_end(own.args(["--audience", "arp-run-gateway"]).arg("--socket").arg(socket));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.split('.').count() == 3, "{out}");
    let health: Value = rig.get("/v1/health").body;
    assert_eq!(health["outcome"], "valid");
}
