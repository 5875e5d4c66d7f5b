//! `systemd/check.sh`: a unit with a mistyped line does not pass.

use std::fs;
use std::path::Path;
use std::process::Command;

use test_support::process::run_to_end;

use super::told;

#[test]
#[ignore = "needs systemd-analyze"]
fn unit_with_a_mistyped_line_is_refused() {
    let systemd = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("systemd");
    let unit = fs::read_to_string(systemd.join("jarvis-node-agent.service")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let check = |unit: String| {
        let path = dir.path().join("unit.service");
        fs::write(&path, unit).unwrap();
        told(run_to_end(Command::new(systemd.join("check.sh")).arg(path)))
    };
    let (code, said) = check(unit.clone());
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "CapabilityBoundingSet=CAP_NET_BIND_SERVCE",
        "CapabilityBoundingSet=~CAP_SYS_ADMN",
        "AmbientCapabilities=CAP_CHOWN CAP_FOWNR",
        "X-ProtectHome=yes",
        "ProtectHomes=yes",
        "SystemCallFilter=~@privilegd",
        "RestrictAddressFamilies=AF_INTE",
        "User=jarvis-node",
        "SupplementaryGroups=gpoi",
        "CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_NET_ADMIN",
    ] {
        let (code, said) = check(unit.replace("[Install]", &format!("{line}\n[Install]")));
        assert_eq!(code, Some(1), "{line}: {said}");
    }
    // So does that of a unit beside it.
    for name in ["unit-update.path", "unit-update.service", "unit-first-boot.service"] {
        let shipped = fs::read_to_string(systemd.join(name.replace("unit", "jarvis-node-agent"))).unwrap();
        fs::write(dir.path().join(name), shipped).unwrap();
    }
    assert_eq!(check(unit.clone()).0, Some(0));
    let path = dir.path().join("unit-update.path");
    let mistyped = fs::read_to_string(&path).unwrap().replace("PathExists=", "PathExist=");
    fs::write(&path, mistyped).unwrap();
    assert_eq!(check(unit.clone()).0, Some(1));
    fs::remove_file(path).unwrap();
    let path = dir.path().join("unit-first-boot.service");
    let mistyped = fs::read_to_string(&path).unwrap().replace("CAP_FOWNER", "CAP_FOWNR");
    fs::write(path, mistyped).unwrap();
    assert_eq!(check(unit).0, Some(1));
}
