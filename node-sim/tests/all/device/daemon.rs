//! `jarvis-node run`: its life under a service manager.

use core::time::Duration;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Instant;

use server_stub::Faults;
use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::rude::rude_server;
use test_support::waiting::{PATIENCE, until};

#[test]
fn daemon_follows_outage_rotation_and_new_credential() {
    let rig = Rig::new();
    rig.configure("revalidate_secs", 1);
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    rig.stub.go_down();
    daemon.comes_to("valid-cached");
    let status = rig.status();
    assert_eq!((&status["outcome"], &status["source"]), (&"valid-cached".into(), &"cache".into()));
    assert_eq!(status["household_member_ids"], serde_json::json!([1]));
    assert!(status["next_check_secs"].is_u64() || status["next_check_secs"].is_null(), "{status}");
    rig.stub.come_back().unwrap();
    daemon.comes_to("valid");
    let credential = || fs::read(rig.dir.path().join("credential.json")).unwrap();
    let before = credential();
    let new_key = rig.stub.rotate_key("kitchen-pi").unwrap();
    daemon.comes_to("node-rejected");
    assert_eq!(credential(), before, "no rejection touches the credential");
    rig.install(&new_key);
    let installed = credential();
    daemon.signal("HUP");
    daemon.comes_to("valid");
    let (status, _) = daemon.stop();
    assert_eq!(status.code(), Some(0));
    assert_eq!(credential(), installed, "nor does anything else");
}

#[test]
fn daemon_probes_through_a_proxy_until_it_serves() {
    let rig = Rig::new();
    rig.stub.set_faults("status-502".parse().unwrap()).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    let line = daemon.comes_to("server");
    assert!(line.contains("502"), "{line}");
    let asked = |path: &str| {
        let log = rig.stub.log(0);
        log["requests"].as_array().unwrap().iter().filter(|request| request["path"] == path).count()
    };
    until("three probes", || asked("/health") >= 3);
    assert_eq!(asked("/internal/validate-node"), 1, "while the proxy has no service, it is only probed");
    rig.stub.set_faults(Faults::NONE).unwrap();
    daemon.comes_to("valid");
    daemon.stop();
}

#[test]
fn last_verdict_survives_a_kill_as_cached() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    daemon.kill();
    rig.stub.go_down();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid-cached");
    // `check` asks the server itself and falls back to the same verdict.
    let (code, view) = rig.check();
    assert_eq!((code, view["outcome"].as_str()), (Some(0), Some("valid-cached")), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("connection refused"), "{view}");
    daemon.stop();
}

#[test]
fn last_verdict_survives_a_restart_into_a_broken_setup() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    daemon.stop();
    let sound = fs::read_to_string(rig.config()).unwrap();
    fs::write(rig.config(), sound.replace("service_id", "servcie_id")).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("setup");
    rig.stub.go_down();
    fs::write(rig.config(), sound).unwrap();
    daemon.signal("HUP");
    daemon.comes_to("valid-cached");
}

#[test]
fn led_command_leaves_the_daemons_led_alone() {
    let rig = Rig::new();
    rig.configure("led", serde_json::json!({ "sysfs": "no-such-led" }));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    let told = |output: std::process::Output| String::from_utf8(output.stderr).unwrap();
    let output = rig.command("led").arg("tls").output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(told(output).contains("the daemon runs, and the LED is its own"));
    daemon.stop();
    let output = rig.command("led").arg("tls").output().unwrap();
    assert!(told(output).contains("/sys/class/leds/no-such-led"));
}

#[test]
fn daemon_stops_at_once_during_a_stalled_request() {
    let rig = Rig::new();
    let asked = rude_server(|stream| {
        std::thread::sleep(PATIENCE);
        drop(stream);
    });
    rig.configure("auth_url", format!("http://{asked}"));
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("starting");
    let (status, took) = daemon.stop();
    assert_eq!(status.code(), Some(0));
    // The time-out of the request is 45 s. The daemon should stop within one second; a busy machine may need
    // more.
    assert!(took < Duration::from_secs(5), "{took:?}");
    let output = rig.command("status").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("The daemon was stopped"));
    assert!(rig.status()["fix"].as_str().unwrap().contains("The daemon was stopped"));
}

#[test]
fn daemon_reports_a_broken_setup_and_takes_a_fixed_one() {
    let rig = Rig::new();
    let credential = rig.dir.path().join("credential.json");
    let away = rig.dir.path().join("away.json");
    fs::rename(&credential, &away).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    let line = daemon.comes_to("setup");
    assert!(line.contains("there is no credential file at"), "{line}");
    fs::rename(&away, &credential).unwrap();
    daemon.signal("HUP");
    daemon.comes_to("valid");
    // A configuration that breaks is reported once, and the one before stays in use.
    rig.configure("revalidate_secs", "often");
    daemon.signal("HUP");
    daemon.logs("the one before stays in use");
    until("the status tells of it", || rig.status()["warnings"][0]["code"] == "setup");
    daemon.signal("TERM");
}

#[test]
fn service_manager_is_told_readiness_status_and_watchdog() {
    let rig = Rig::new();
    let path = rig.dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = rig.command("run");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000").env_remove("WATCHDOG_PID");
    let daemon = Daemon::start(&mut command);
    let mut told: Vec<String> = Vec::new();
    let hear = |wanted: &str, told: &mut Vec<String>| {
        let mut buffer = [0; 1024];
        while told.last().is_none_or(|last| !last.starts_with(wanted)) {
            let len = manager.recv(&mut buffer).unwrap_or_else(|e| panic!("no {wanted} after {told:?}: {e}"));
            told.push(String::from_utf8_lossy(&buffer[..len]).trim().to_owned());
        }
    };
    hear("READY=1", &mut told);
    hear("STATUS=valid: the auth service accepts this node", &mut told);
    let start = Instant::now();
    for _ in 0..5 {
        told.push(String::new());
        hear("WATCHDOG=1", &mut told);
    }
    // The watchdog is fed twice in each period of 0.4 s, and not more often.
    assert!(start.elapsed() > Duration::from_millis(600), "{:?}", start.elapsed());
    // A stopped process does not feed the watchdog.
    daemon.signal("STOP");
    manager.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut buffer = [0; 1024];
    let mut fed_while_stopped = 0;
    while manager.recv(&mut buffer).is_ok() {
        fed_while_stopped += 1;
        assert!(fed_while_stopped < 3, "fed though it stands still");
    }
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    daemon.signal("CONT");
    daemon.signal("TERM");
    hear("STOPPING=1", &mut told);
}

#[test]
fn steady_daemon_is_silent_and_no_log_holds_a_secret() {
    let rig = Rig::new();
    rig.configure("revalidate_secs", 1);
    let mut command = rig.command("run");
    command.env("JARVIS_NODE_LOG", "trace").env("RUST_LOG", "trace");
    let mut daemon = Daemon::start(&mut command);
    daemon.comes_to("valid");
    let until = Instant::now() + PATIENCE;
    while rig.stub.validations() < 4 {
        assert!(Instant::now() < until, "no revalidation");
        std::thread::sleep(Duration::from_millis(20));
    }
    rig.stub.rotate_key("kitchen-pi").unwrap();
    daemon.comes_to("node-rejected");
    let outcomes: Vec<_> = daemon.lines.iter().filter(|line| !line.contains("DEBUG")).collect();
    assert_eq!(outcomes.len(), 3, "{outcomes:#?}");
    let (_, node_key) = rig.stub.node();
    for line in &daemon.lines {
        assert!(line.contains("[jarvis_node::"), "not ours: {line}");
        assert!(!line.contains(node_key) && !line.contains(rig.stub.app_key()), "{line}");
        // ureq would log what it sends as hexadecimal numbers.
        let hex: String = node_key.bytes().take(8).map(|b| format!("{b:02x}")).collect();
        assert!(!line.to_lowercase().contains(&hex), "{line}");
    }
    let environment = fs::read(format!("/proc/{}/environ", daemon.pid())).unwrap();
    let arguments = fs::read(format!("/proc/{}/cmdline", daemon.pid())).unwrap();
    let status = fs::read(rig.dir.path().join("status.json")).unwrap();
    for bytes in [environment, arguments, status] {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(node_key) && !text.contains(rig.stub.app_key()), "{text}");
    }
}
