//! A stand-in for systemctl, which shows a unit that runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use test_support::binaries::jarvis_node;
use test_support::process::write_script;

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
    write_script(&folder.join("systemctl"), "#!/bin/sh\n[ \"$1\" != show ] || cat \"${0%/*}/unit\"\n");
}

/// Lets `command` find the stand-in in `folder` before all else.
pub(super) fn before(folder: &Path, command: &mut Command) {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", folder.display()));
}
