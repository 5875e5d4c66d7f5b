//! What is in the house: a node, the auth service, and the servers that know names.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::Value;
use test_support::binaries::{built, jarvis_node};

use super::lan::{Device, Lan, Process};

/// The auth service's port.
pub(super) const PORT: u16 = 7701;

pub(super) fn server_stub() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("server-stub", &[]))
}

/// A node and the machine of the auth service, on one network.
#[derive(Debug)]
pub(super) struct House {
    pub(super) lan: Lan,
    pub(super) node: Device,
    pub(super) server: Device,
    stub: Option<Process>,
}

impl House {
    /// The node is 10.7.0.1 and fd07::1, the server 10.7.0.2 and fd07::2.
    pub(super) fn new() -> Self {
        Self::with_addresses(&["10.7.0.1/24", "fd07::1/64"], &["10.7.0.2/24", "fd07::2/64"])
    }

    pub(super) fn with_addresses(node: &[&str], server: &[&str]) -> Self {
        let lan = Lan::new();
        let (node, server) = (lan.plug_in(node), lan.plug_in(server));
        let mut house = Self { lan, node, server, stub: None };
        house.open_service(&["--name", "auth.home", "--name", "auth.local", "--name", "auth"]);
        house.configure("start_splay_secs", 0);
        house.configure("led", "none");
        house.configure("status_file", "status.json");
        house
    }

    /// Starts the auth service anew, with these further options.
    pub(super) fn open_service(&mut self, options: &[&str]) {
        let folder = self.node.path("stub");
        self.serve(&folder, options);
    }

    /// Starts somebody else's auth service in its place.
    pub(super) fn open_strange_service(&mut self) {
        let folder = self.server.path("stub");
        self.serve(&folder, &["--name", "auth.home"]);
    }

    fn serve(&mut self, folder: &Path, options: &[&str]) {
        self.stub = None;
        let mut command = self.server.command(server_stub());
        command.args(["--only", "auth", "--listen"]).arg(format!("[::]:{PORT}")).arg("--dir").arg(folder);
        self.stub = Some(Process::start(command.args(options), "\"url\""));
    }

    pub(super) fn close_service(&mut self) {
        self.stub = None;
    }

    fn config(&self) -> PathBuf {
        self.node.path("stub/config.json")
    }

    pub(super) fn configure(&self, key: &str, value: impl Into<Value>) {
        let mut config: Value = serde_json::from_slice(&fs::read(self.config()).unwrap()).unwrap();
        config[key] = value.into();
        fs::write(self.config(), config.to_string()).unwrap();
    }

    /// Has the node look for the service at `https://host`.
    pub(super) fn look_for(&self, host: &str) {
        self.configure("auth_url", format!("https://{host}:{PORT}"));
    }

    /// The node's program, or that in `$JARVIS_NODE`, for example one of another target.
    pub(super) fn jarvis_node(&self, verb: &str) -> Command {
        let program = std::env::var_os("JARVIS_NODE").map_or_else(|| jarvis_node().into(), PathBuf::from);
        let mut command = self.node.command(program);
        command.arg(verb).arg("--config").arg(self.config()).env_remove("CREDENTIALS_DIRECTORY");
        command
    }

    /// `check --json`: what it printed and how long it took.
    pub(super) fn check(&self) -> (Value, Duration) {
        let start = Instant::now();
        let output = self.jarvis_node("check").arg("--json").output().unwrap();
        let took = start.elapsed();
        let view = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        (view, took)
    }

    /// Looks for the service at `host` and must find it.
    pub(super) fn finds(&self, host: &str) -> Duration {
        self.look_for(host);
        let (view, took) = self.check();
        assert_eq!(view["outcome"], "valid", "{host}: {view}");
        took
    }

    /// Looks for the service at `host` and must not find it, for that reason.
    pub(super) fn misses(&self, host: &str, reason: &str) -> Duration {
        self.look_for(host);
        let (view, took) = self.check();
        assert_eq!(view["outcome"], "network", "{host}: {view}");
        assert!(view["reason"].as_str().unwrap().contains(reason), "{host}: {view}");
        took
    }

    /// From now on three in ten of the matching packets get lost in either direction. They are dropped on
    /// arrival, since a sender would be told.
    pub(super) fn loses_packets(&self, fitting: &str) {
        let lost = "-m statistic --mode random --probability 0.3 -j DROP";
        for device in [&self.node, &self.server] {
            device.run(&format!("for i in iptables ip6tables; do $i -A INPUT {fitting} {lost}; done"));
        }
    }

    /// The server is the node's name server and knows what these options of dnsmasq say.
    pub(super) fn dnsmasq(&self, options: &[&str]) -> Process {
        self.node.write("resolv.conf", "nameserver 10.7.0.2\n");
        dnsmasq(&self.server, options)
    }
}

/// dnsmasq on that device, which knows nothing but what the options say.
pub(super) fn dnsmasq(device: &Device, options: &[&str]) -> Process {
    let mut command = device.command("dnsmasq");
    command.args(["--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null", "--user=root"]);
    command.args(["--no-hosts", "--no-resolv", "--pid-file", "--local=/#/"]).args(options);
    Process::start(&mut command, "started")
}

/// BIND on that device, with these clauses in its configuration.
pub(super) fn named(device: &Device, clauses: &str) -> Process {
    let folder = device.path("named");
    fs::create_dir_all(&folder).unwrap();
    let options = format!(
        "options {{ directory \"{}\"; pid-file none; session-keyfile none; recursion no; \
         listen-on {{ any; }}; listen-on-v6 {{ any; }}; }};\ncontrols {{ }};\n",
        folder.display()
    );
    fs::write(folder.join("named.conf"), options + clauses).unwrap();
    Process::start(
        device.command("named").arg("-g").arg("-c").arg(folder.join("named.conf")),
        "all zones loaded",
    )
}

/// Avahi on that device, which calls itself `name`.local; with these lines in its `[server]`.
pub(super) fn avahi(device: &Device, name: &str, lines: &str) -> Process {
    let conf = format!(
        "[server]\nhost-name={name}\nenable-dbus=no\n{lines}\n[publish]\npublish-workstation=no\npublish-hinfo=no\n"
    );
    device.write("avahi.conf", &conf);
    let mut command = device.command("avahi-daemon");
    command.arg("-f").arg(device.path("avahi.conf"));
    command.args(["--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title"]);
    Process::start(&mut command, "Server startup complete")
}
