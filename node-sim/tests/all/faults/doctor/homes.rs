//! The faults of a home's own services, which a node meets that asks by its own key.

use serde_json::json;
use server_stub::{Fault, Faults, HomeService};
use test_support::rig::Rig;

use super::{complaints, told, unit, walk};
use crate::faults::Complaints;

/// The check that fails; the others concern what a node does not ask for, such as the lines that the logs keep.
const FAILING: &[(&str, &str)] = &[
    ("auth-unavailable", "service"),
    ("auth-error-500", "service"),
    ("auth-not-configured", "service"),
    ("node-row-missing", "node"),
];

#[test]
fn each_fault_of_a_home_fails_one_check() {
    let rows: Vec<_> = Fault::all().filter_map(|fault| Some((fault, fault.home_service()?))).collect();
    assert!(rows.len() >= FAILING.len());
    walk(&rows, 4, |(fault, service)| look(*fault, *service));
}

fn look(fault: Fault, service: HomeService) -> Complaints {
    let (name, rig) = (fault.name(), Rig::new());
    rig.configure("led", "none");
    let via = match service {
        HomeService::Auth => None,
        HomeService::CommandCenter => Some(json!({ "command_center": rig.stub.command_center_url() })),
        HomeService::Logs => Some(json!({ "logs": rig.stub.logs().url() })),
    };
    if let Some(via) = via {
        ["auth_url", "service_id", "app_id", "app_key_file"].iter().for_each(|key| rig.forget(key));
        rig.configure("via", via);
    }
    let folder = tempfile::tempdir().unwrap();
    unit::stand_in(folder.path(), &rig.config());
    let examined = || {
        let mut command = rig.command("doctor");
        unit::before(folder.path(), &mut command);
        told(&mut command)
    };
    let set = |faults: Faults| match service {
        HomeService::Logs => rig.stub.logs().set_faults(faults).unwrap(),
        HomeService::Auth | HomeService::CommandCenter => rig.stub.set_faults(faults).unwrap(),
    };
    set(name.parse().unwrap());
    let check = FAILING.iter().find(|(failing, _)| *failing == name).map_or("", |(_, check)| check);
    let mut all = complaints(name, check, &examined());
    set(Faults::NONE);
    rig.stub.forget_verdicts();
    all.extend(complaints(&format!("{name} has ended"), "", &examined()));
    all
}
