//! The faults of the service that is asked.

use server_stub::Faults;
use test_support::binaries::jarvis_node;
use test_support::waiting::undisturbed;

use super::super::setting::Setting;
use super::super::table::{Row, TABLE};
use super::{complaints, told, unit, walk};
use crate::faults::Complaints;

/// How many rows at once: they mostly wait.
const AT_ONCE: usize = 12;

#[test]
fn each_fault_of_a_service_fails_one_check() {
    let _undisturbed = undisturbed();
    jarvis_node();
    walk(TABLE, AT_ONCE, look);
}

/// Faults before the server has proved itself, though the outcome is not `tls`.
const HANDSHAKE: &[&str] = &[
    "accept-silent",
    "accept-close",
    "accept-reset",
    "handshake-stall",
    "handshake-slow",
    "handshake-close",
    "handshake-reset",
];
/// What cannot come from the service.
const BETWEEN: &[&str] = &[
    "status-301",
    "status-302",
    "status-303",
    "status-307",
    "status-307,denial",
    "status-308",
    "status-401,denial",
    "status-403",
    "status-502",
    "status-504",
    "proxy-log-in",
    "app-headers-lost",
    "html",
];
/// An answer that is not about this node.
const NODE: &[&str] = &["other-node", "no-node"];

/// The check that fails; empty where the node takes the answer.
fn check_of(row: &Row) -> &'static str {
    match (row.outcome, row.faults) {
        ("valid", _) => "",
        ("network", _) => "port",
        ("tls", _) => "tls",
        ("app-rejected", _) => "app-key",
        ("node-rejected", _) => "node",
        (_, faults) if HANDSHAKE.contains(&faults) => "tls",
        (_, faults) if BETWEEN.contains(&faults) => "between",
        (_, faults) if NODE.contains(&faults) => "node",
        _ => "service",
    }
}

fn look(row: &Row) -> Complaints {
    let setting = Setting::new(row, row.faults());
    let folder = tempfile::tempdir().unwrap();
    unit::stand_in(folder.path(), &setting.rig.config());
    setting.rig.configure("led", "none");
    let examined = || {
        let mut command = setting.rig.command("doctor");
        unit::before(folder.path(), &mut command);
        told(&mut command)
    };
    let first = examined();
    let mut all = complaints(row.faults, check_of(row), &first);
    if row.never_asked() && setting.rig.stub.validations() > 0 {
        all.push(format!("{}: a server that proved nothing was shown the keys", row.faults));
    }
    if setting.rig.stub.validations() > 2 {
        all.push(format!("{}: the keys are sent more often than by a check", row.faults));
    }
    setting.rig.stub.set_faults(Faults::NONE).unwrap();
    all.extend(complaints(&format!("{} has ended", row.faults), "", &examined()));
    all.extend(setting.keys.leaks("doctor", first.to_string().as_bytes()));
    all.extend(setting.complaints());
    all
}
