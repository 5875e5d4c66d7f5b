//! A local network of namespaces: a switch, and devices plugged into it. Nothing of it has a name on
//! the host, and all of it ends with the test.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

/// A child that ends with its handle.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts it and waits until it says `ready`.
    pub(super) fn start(command: &mut Command, ready: &str) -> Self {
        Self::start_and_tell(command, ready).0
    }

    /// Starts it and waits until it says `ready`; returns that line, too.
    pub(super) fn start_and_tell(command: &mut Command, ready: &str) -> (Self, String) {
        // Both streams go into one pipe: servers differ in which one they log to.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let started = Self(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")));
        // The command holds the pipe's other end open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        let mut said = Vec::new();
        loop {
            let Some(line) = lines.next() else { panic!("{command:?} ended: {said:#?}") };
            if line.contains(ready) {
                // A process whose pipe is full stands still.
                thread::spawn(move || lines.for_each(drop));
                return (started, line);
            }
            said.push(line);
        }
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) {
        assert!(Command::new("kill").arg(self.id().to_string()).status().unwrap().success());
        self.0.wait().unwrap();
    }

    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A switch.
#[derive(Debug)]
pub(super) struct Lan {
    switch: Device,
    ports: AtomicUsize,
}

/// A machine: a network namespace with one port, and a mount namespace with files of its own.
#[derive(Debug)]
pub(super) struct Device {
    holder: Process,
    files: TempDir,
    port: String,
}

impl Lan {
    pub(super) fn new() -> Self {
        let switch = Device::unplugged();
        switch.run("ip link add lan type bridge mcast_snooping 0 && ip link set lan up");
        Self { switch, ports: AtomicUsize::new(1) }
    }

    /// A device with these addresses, each with its prefix length. It has a link-local one as well.
    pub(super) fn plug_in(&self, addresses: &[&str]) -> Device {
        let mut device = Device::unplugged();
        device.port = self.connect(&device, "lan0", addresses);
        device
    }

    /// Connects a device by the interface `name`; returns its port at the switch.
    pub(super) fn connect(&self, device: &Device, name: &str, addresses: &[&str]) -> String {
        let port = format!("port{}", self.ports.fetch_add(1, Ordering::Relaxed));
        self.switch.run(&format!(
            "ip link add {port} type veth peer name {name} netns {} && ip link set {port} master lan up",
            device.holder.id()
        ));
        // Without duplicate address detection, addresses can be used at once.
        device.run(&format!("echo 0 > /proc/sys/net/ipv6/conf/{name}/accept_dad && ip link set {name} up"));
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            device.run(&format!("ip address add {address} dev {name} {nodad}"));
        }
        port
    }

    /// Keeps two devices from hearing each other, as some access points do.
    pub(super) fn isolate(&self, devices: [&Device; 2]) {
        for device in devices {
            self.switch.run(&format!("bridge link set dev {} isolated on", device.port));
        }
    }
}

impl Device {
    fn unplugged() -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "--mount", "sh", "-c", "echo made && exec sleep 1800"]);
        let files = tempfile::tempdir().unwrap();
        let device = Self { holder: Process::start(&mut holder, "made"), files, port: String::new() };
        device.run("ip link set lo up && mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run");
        for name in ["hosts", "resolv.conf"] {
            device.write(name, "");
            let path = device.path(name);
            device.run(&format!("mount --bind {} /etc/{name}", path.display()));
        }
        device
    }

    /// Its files, `hosts` and `resolv.conf` among them.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::File::create(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// `program`, to be started on this device.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.holder.id().to_string()).args(["--net", "--mount", "--"]);
        command.arg(program.as_ref());
        command
    }

    /// Runs a line of shell and returns what it printed.
    pub(super) fn run(&self, line: &str) -> String {
        let output = self.command("sh").args(["-ec", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its link-local address.
    pub(super) fn link_local(&self) -> String {
        let line = self.run("ip -6 -oneline address show dev lan0 scope link");
        line.split(" inet6 ").nth(1).unwrap().split('/').next().unwrap().to_owned()
    }

    /// Runs `work` in a thread on this device's network; returns once that is there.
    pub(super) fn thread(&self, work: impl FnOnce() + Send + 'static) {
        let network = fs::File::open(format!("/proc/{}/ns/net", self.holder.id())).unwrap();
        let (arrived, wait) = std::sync::mpsc::channel();
        thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            arrived.send(()).unwrap();
            work();
        });
        wait.recv().unwrap();
    }
}
