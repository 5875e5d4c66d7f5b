//! Faults of a board. Each is made in a mount namespace of its own, with stand-ins for systemctl and its kin; then the
//! command of the fix is run there, or what the fix asks a person to do is done. Needs root.

use std::fs;
use std::process::Command;

use serde_json::Value;
use test_support::binaries::jarvis_node;
use test_support::process::write_script;
use test_support::rig::Rig;

use super::place::Place;
use super::{complaints, failing, walk};
use crate::faults::Complaints;

/// How the fault is ended.
enum End {
    /// By the command of the fix, as a person would type it.
    Fix,
    /// By `doctor --fix`.
    Doctor,
    /// By this, which is what the fix tells a person to do.
    By(&'static str),
    /// By this, too: `doctor --fix` leaves it to a person.
    Only(&'static str),
}

/// A fault: the check that fails, what makes the fault, and what ends it. The commands run in the rig's folder as root.
struct Row {
    check: &'static str,
    made_by: &'static str,
    ended_by: End,
}

const fn row(check: &'static str, made_by: &'static str, ended_by: End) -> Row {
    Row { check, made_by, ended_by }
}

/// `sed` on what systemctl shows of the unit.
macro_rules! unit {
    ($edit:literal) => {
        concat!("sed -i '", $edit, "' bin/unit")
    };
}

const TABLE: &[Row] = &[
    row("program", "echo '#!/bin/false' > bin/agent", End::By("cp -f bin/good bin/agent")),
    row(
        "program",
        "printf '\\177ELF\\002\\001\\001xxxxxxxxxxxxxxxxxxxxx' > bin/agent",
        End::By("cp -f bin/good bin/agent"),
    ),
    row("program", "chmod 644 bin/agent", End::By("chmod 755 bin/agent")),
    row("program", "rm bin/agent", End::By("cp -f bin/good bin/agent")),
    row("unit", unit!("s/LoadState=.*/LoadState=masked/"), End::Fix),
    row(
        "unit",
        unit!("s/LoadState=.*/LoadState=not-found/"),
        End::By(unit!("s/LoadState=.*/LoadState=loaded/")),
    ),
    row(
        "unit",
        unit!("s/LoadState=.*/LoadState=bad-setting/"),
        End::By(unit!("s/LoadState=.*/LoadState=loaded/")),
    ),
    row(
        "unit",
        "echo 'EnvironmentFiles=/nowhere/env (ignore_errors=no)' >> bin/unit",
        End::By(unit!("/EnvironmentFiles/d")),
    ),
    row("unit-files", unit!("s/NeedDaemonReload=.*/NeedDaemonReload=yes/"), End::Fix),
    row("unit-files", unit!("s/NeedDaemonReload=.*/NeedDaemonReload=yes/"), End::Doctor),
    row("user", unit!("s/^User=.*/User=ghost/"), End::By(unit!("s/^User=.*/User=jarvis-node-agent/"))),
    row("sandbox", "echo PrivateNetwork=yes >> bin/unit", End::By(unit!("/PrivateNetwork/d"))),
    row("sandbox", "echo RestrictAddressFamilies=AF_UNIX >> bin/unit", End::By(unit!("/RestrictAddress/d"))),
    row("enabled", unit!("s/UnitFileState=.*/UnitFileState=disabled/"), End::Fix),
    row("enabled", unit!("s/UnitFileState=.*/UnitFileState=disabled/"), End::Only("systemctl enable")),
    row("enabled", unit!("s/UnitFileState=.*/UnitFileState=enabled-runtime/"), End::Fix),
    row("running", unit!("s/ActiveState=.*/ActiveState=inactive/"), End::Fix),
    row("running", unit!("s/ActiveState=.*/ActiveState=inactive/"), End::Only("systemctl start")),
    row(
        "running",
        unit!("s/ActiveState=.*/ActiveState=failed/"),
        End::By(unit!("s/ActiveState=.*/ActiveState=active/")),
    ),
    row(
        "neighbours",
        "mkdir -p /run/systemd/system && echo 'ExecStart=/usr/local/bin/jarvis-node run' > /run/systemd/system/jarvis-node.service",
        End::Fix,
    ),
    row("disk", "mount --bind state state && mount -o remount,bind,ro state", End::Fix),
    row("space", "mount -t tmpfs -o size=64k tmpfs state && cp -a kept/. state/", End::By("umount state")),
    row(
        "space",
        "mount -t tmpfs -o nr_inodes=12 tmpfs state && cp -a kept/. state/",
        End::By("umount state"),
    ),
    row(
        "supply",
        "mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/hwmon/hwmon0 && cd /sys/class/hwmon/hwmon0 && echo rpi_volt > name \
         && echo 1 > in0_lcrit_alarm",
        End::By("echo 0 > /sys/class/hwmon/hwmon0/in0_lcrit_alarm"),
    ),
    row("folders", "mv state away", End::By("mv away state")),
    row("configuration", "mv config.json away", End::By("mv away config.json")),
    row("configuration", "cp config.json away; echo '{' > config.json", End::By("cp away config.json")),
    row(
        "configuration",
        "chown 0:4711 config.json; chmod 640 config.json; echo '{' > config.json",
        End::Only("cp kept.json config.json"),
    ),
    row("configuration", "chmod 600 config.json", End::Fix),
    row("configuration", "chmod 600 config.json", End::Doctor),
    row("app-key-file", "chmod 644 app.key", End::Fix),
    row("app-key-file", "chmod 644 app.key", End::Doctor),
    row("app-key-file", "mv app.key away", End::By("mv away app.key")),
    row("tls-files", "mv ca.pem away", End::By("mv away ca.pem")),
    row("tls-files", "cp ca.pem away; echo none > ca.pem", End::By("cp away ca.pem")),
    row("credential", "chown root state/credential.json", End::Fix),
    row("credential", "mv state/credential.json away", End::By("mv away state/credential.json")),
    row("credential", "chown root state/credential.json", End::Doctor),
    row(
        "led",
        "sed -i 's/\"led\":\"none\"/\"led\":{\"sysfs\":\"nowhere\"}/' config.json",
        End::By("sed -i 's/\"led\":{[^}]*}/\"led\":\"none\"/' config.json"),
    ),
    row(
        "metrics-file",
        "sed -i 's/^{/{\"metrics_file\":\"\\/metrics.prom\",/' config.json",
        End::By("cp kept.json config.json"),
    ),
    row("state-file", "mkdir state/state.json", End::By("rmdir state/state.json")),
    row(
        "port",
        "sed -i 's/127.0.0.1:[0-9]*/127.0.0.1:1/w changed' config.json",
        End::By("cp kept.json config.json"),
    ),
    row(
        "resolver",
        "echo > empty; mount --bind empty /etc/resolv.conf; mount --bind empty /etc/hosts; \
         sed -i 's/127.0.0.1:/auth.example:/' config.json",
        End::By("echo '127.0.0.1 auth.example' > empty; sed -i 's/auth.example:/127.0.0.1:/' config.json"),
    ),
    row(
        "update",
        "sed -i 's/^{/{\"update_command\":[\"\\/bin\\/true\"],/' config.json",
        End::Only("cp kept.json config.json"),
    ),
];

#[test]
#[ignore = "needs root"]
fn each_fault_of_a_board_fails_one_check() {
    assert!(TABLE.len() >= 25);
    walk(TABLE, 6, look);
}

/// What `systemctl` does to what it shows.
const SYSTEMCTL: &str = r#"#!/bin/sh
unit=${0%/*}/unit
set_to() { sed -i "s/^$1=.*/$1=$2/" "$unit"; }
case $1 in
show) cat "$unit" ;;
cat) ;;
unmask) set_to LoadState loaded ;;
daemon-reload) set_to NeedDaemonReload no ;;
enable) set_to UnitFileState enabled ;;
start | restart) set_to ActiveState active ;;
disable) rm -f /run/systemd/system/jarvis-node.service ;;
esac
"#;

/// Makes the place: the unit's user, stand-ins, and a folder for the state, all of them the daemon's.
const PLACE: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system
cp /etc/passwd passwd; echo 'jarvis-node-agent:x:4711:4711::/:/bin/false' >> passwd; mount --bind passwd /etc/passwd
cp /etc/group group; echo 'jarvis-node-agent:x:4711:' >> group; mount --bind group /etc/group
mkdir state volatile; mv credential.json state/; chown -R 4711:4711 state volatile app.key; chmod 700 state
chmod 755 .; chmod 644 config.json ca.pem
cp config.json kept.json; cp -a state kept
"#;

fn look(row: &Row) -> Complaints {
    let rig = Rig::new();
    rig.configure("led", "none");
    rig.configure("credential_file", "state/credential.json");
    rig.configure("state_file", "state/state.json");
    rig.configure("status_file", "volatile/status.json");
    let bin = rig.path("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["agent", "good"] {
        // By a child: see write_script.
        assert!(Command::new("cp").arg(jarvis_node()).arg(bin.join(name)).status().unwrap().success());
    }
    let (agent, config) = (bin.join("agent"), rig.config());
    let unit = format!(
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=no\nUser=jarvis-node-agent\n\
         MainPID=0\nExecStart={{ path={0} ; argv[]={0} run --config {1} ; ignore_errors=no ; pid=0 }}\n",
        agent.display(),
        config.display()
    );
    fs::write(bin.join("unit"), unit).unwrap();
    for (name, script) in
        [("systemctl", SYSTEMCTL), ("sudo", "#!/bin/sh\nexec \"$@\"\n"), ("journalctl", "#!/bin/sh\n")]
    {
        write_script(&bin.join(name), script);
    }
    let place = Place::new(&rig, &bin);
    let mut all = place.run(PLACE);
    all.extend(complaints(&format!("{} before", row.made_by), "", &place.doctor("")));
    all.extend(place.run(row.made_by));
    let found = place.doctor("");
    all.extend(complaints(row.made_by, row.check, &found));
    let after = match row.ended_by {
        End::By(command) => {
            all.extend(place.run(command));
            place.doctor("")
        }
        End::Only(command) => {
            let tried = place.doctor("--fix");
            all.extend(complaints(&format!("{} with --fix", row.made_by), row.check, &tried));
            if tried["repaired"].is_array() {
                all.push(format!("{}: done without being asked: {}", row.made_by, tried["repaired"]));
            }
            all.extend(place.run(command));
            place.doctor("")
        }
        End::Doctor => place.doctor("--fix"),
        End::Fix => {
            all.extend(place.run(&command_of(&found)));
            place.doctor("")
        }
    };
    all.extend(complaints(&format!("{} has ended", row.made_by), "", &after));
    if matches!(row.ended_by, End::Doctor) && after["repaired"].as_array().is_none_or(Vec::is_empty) {
        all.push(format!("{}: nobody is told what was done", row.made_by));
    }
    all
}

/// The command in the fix of the failing check: from `sudo` to its end.
fn command_of(told: &Value) -> String {
    let name = failing(told).first().copied().unwrap_or_default().to_owned();
    let found = told["checks"].as_array().unwrap().iter().find(|found| found["check"] == *name);
    let fix = found.and_then(|found| found["fix"].as_str()).unwrap_or_default();
    fix.find("sudo ").map_or_else(|| format!("false {fix}"), |at| fix[at..].trim_end_matches('.').to_owned())
}
