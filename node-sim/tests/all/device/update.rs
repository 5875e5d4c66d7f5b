//! An update that the app asks for and `update_command` makes: the daemon hands it over, `jarvis-node update` takes it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use server_stub::Home;
use tempfile::TempDir;
use test_support::daemon::Daemon;
use test_support::process::{Ended, run_to_end};
use test_support::rig::Rig;
use test_support::waiting::until;

use super::alive::{NODE, asking, task, warnings};

/// A rig with a program that notes which version it is to bring, and ends as `ends` says; and a runtime folder.
struct Updated {
    rig: Rig,
    run: TempDir,
}

impl Updated {
    fn new(home: Home, ends: &str) -> Self {
        let rig = asking(home, "command_center");
        let program = rig.path("update.sh");
        let script = "#!/bin/sh\necho \"$# $1 $JARVIS_TARGET_VERSION\" >>\"${0%/*}/updates\"\n";
        fs::write(&program, format!("{script}{ends}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        rig.configure("update_command", json!([program, "a b;c"]));
        Self { rig, run: tempfile::tempdir().unwrap() }
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.rig.command(verb);
        command.env("RUNTIME_DIRECTORY", self.run.path());
        command
    }

    fn request(&self) -> PathBuf {
        self.run.path().join("update.request")
    }

    /// Runs `jarvis-node update`, as the unit does once there is a request.
    fn update(&self) -> Ended {
        run_to_end(&mut self.command("update"))
    }

    fn updates(&self) -> String {
        fs::read_to_string(self.rig.path("updates")).unwrap_or_default()
    }

    /// A daemon that has handed over an update to this version.
    fn handed_over(&self, version: &str) -> Daemon {
        self.rig.stub.queue_update(NODE, version).unwrap();
        let mut daemon = Daemon::start(&mut self.command("run"));
        daemon.comes_to("valid");
        until("a request", || self.request().exists());
        daemon
    }
}

#[test]
fn update_is_handed_over_and_run_once() {
    for home in [Home::Python, Home::Jarvisd] {
        let updated = Updated::new(home, "exit 0");
        assert_eq!(updated.update(), (Some(0), "there is no request\n".into(), String::new()), "{home}");
        let daemon = updated.handed_over("1.2.3-rc.1");
        let shown = updated.rig.stub.shown_to_the_app(NODE).unwrap();
        assert_eq!(shown["install_mode"], "tarball", "the app offers the update: {shown}");
        assert_eq!(updated.updates(), "", "the daemon runs nothing itself");
        let request = fs::read(updated.request()).unwrap();
        assert_eq!(updated.update(), (Some(0), "updated to 1.2.3-rc.1\n".into(), String::new()), "{home}");
        // The same request comes again, and a broken one.
        for again in [&request[..], b"", b"../x\n-rf\n"] {
            fs::write(updated.request(), again).unwrap();
            assert_eq!(updated.update().1, "there is no request\n", "{home}");
            assert!(!updated.request().exists(), "{home}");
        }
        assert_eq!(updated.updates(), "1 a b;c 1.2.3-rc.1\n", "{home}");
        // What tells of the success is the next heartbeat.
        assert_eq!(
            (&task(&updated.rig)["state"], warnings(&updated.rig)),
            (&json!("dispatched"), vec![]),
            "{home}"
        );
        daemon.stop();
    }
}

#[test]
fn update_that_fails_ends_with_its_exit_status() {
    for (ends, says) in [("exit 3", "exit status: 3"), ("kill -9 $$", "signal: 9"), ("", "")] {
        let updated = Updated::new(Home::Python, ends);
        if ends.is_empty() {
            updated.rig.configure("update_command", json!(["/nowhere/update"]));
        }
        let daemon = updated.handed_over("1.2.3");
        let (code, _, said) = updated.update();
        assert!(code == Some(75) && said.contains("the update was not made: update_command"), "{said}");
        let task = task(&updated.rig);
        let told = task["error_message"].as_str().unwrap();
        assert!(
            task["state"] == "failed" && told.contains("update_command") && told.contains(says),
            "{task}"
        );
        daemon.stop();
    }
}

#[test]
fn configuration_that_others_can_change_decides_no_update() {
    let updated = Updated::new(Home::Python, "exit 0");
    updated.rig.configure("revalidate_secs", 1);
    let daemon = updated.handed_over("1.2.3");
    // The daemon stays in touch with the home. The request stays, too: nobody has had a minute for it.
    let before = updated.rig.stub.heartbeats();
    fs::set_permissions(updated.rig.config(), Permissions::from_mode(0o666)).unwrap();
    until("another heartbeat, and what follows from it", || updated.rig.stub.heartbeats() > before + 1);
    let (code, _, said) = updated.update();
    assert!(code == Some(75) && said.contains("is not run, since other users could change it"), "{said}");
    assert_eq!((updated.updates().as_str(), &task(&updated.rig)["state"]), ("", &json!("failed")));
    daemon.stop();
}

#[test]
fn request_that_nobody_takes_up_is_told() {
    let updated = Updated::new(Home::Jarvisd, "exit 0");
    updated.rig.configure("revalidate_secs", 1);
    let mut daemon = updated.handed_over("1.2.3");
    // As if it had been left long ago: without the time.
    let left = fs::read_to_string(updated.request()).unwrap();
    let (words, _time) = left.trim_end().rsplit_once('\n').unwrap();
    fs::write(updated.rig.path("request"), words).unwrap();
    fs::rename(updated.rig.path("request"), updated.request()).unwrap();
    let told = daemon.logs("nothing on the board takes up the update that the app has asked for");
    assert!(told.contains("systemctl enable --now jarvis-node-agent-update.path"), "{told}");
    until("the update fails", || task(&updated.rig)["state"] == "failed");
    assert_eq!(updated.update().1, "there is no request\n");
    daemon.stop();
}

#[test]
fn request_that_cannot_be_left_is_told() {
    let updated = Updated::new(Home::Jarvisd, "exit 0");
    updated.rig.stub.queue_update(NODE, "1.2.3").unwrap();
    let mut command = updated.command("run");
    let mut daemon = Daemon::start(command.env("RUNTIME_DIRECTORY", "/nowhere"));
    daemon.logs("the update to 1.2.3 cannot be handed over on the board");
    until("the update fails", || task(&updated.rig)["state"] == "failed");
    daemon.stop();
}
