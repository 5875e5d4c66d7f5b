//! A stand-in for systemctl, which shows a unit that runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use test_support::binaries::jarvis_node;

/// Writes `systemctl` into `folder`. It shows what is in the file `unit` there.
pub(super) fn stand_in(folder: &Path, config: &Path) {
    let program = jarvis_node().display();
    let unit = format!(
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=no\n\
         User={user}\nGroup={user}\nMainPID=0\n\
         ExecStart={{ path={program} ; argv[]={program} run --config {config} ; ignore_errors=no ; pid=0 }}\n",
        user = rustix::process::geteuid().as_raw(),
        config = config.display(),
    );
    fs::write(folder.join("unit"), unit).unwrap();
    let script = folder.join("systemctl");
    fs::write(&script, "#!/bin/sh\n[ \"$1\" != show ] || cat \"${0%/*}/unit\"\n").unwrap();
    fs::set_permissions(script, Permissions::from_mode(0o755)).unwrap();
}

/// Lets `command` find the stand-in in `folder` before all else.
pub(super) fn before(folder: &Path, command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", folder.display()));
}
