//! The faults of a token service: a daemon gives out its tokens, and is asked for them as by a program.

use serde_json::json;
use server_stub::{Fault, Faults, Sts, StsOptions};
use test_support::daemon::Daemon;
use test_support::rig::Rig;
use test_support::waiting::{undisturbed, until};

use super::{complaints, failing, told, unit, walk};
use crate::faults::Complaints;

/// How many rows at once.
const AT_ONCE: usize = 8;

/// How often the daemon is looked at until the end of a fault shows.
const TRIES: usize = 5;

/// Faults with a token that the daemon passes on: signatures and dates without a clock to compare are for services to check.
const PASSED_ON: &[&str] = &[
    "token-unknown-kid",
    "token-bad-signature",
    "token-expired",
    "token-clock-ahead",
    "token-clock-behind",
    "expires-in-missing",
    "expires-in-string",
    "expires-in-null",
    "expires-in-huge",
    "token-type-lower",
    "token-type-missing",
];

/// Faults of any server, and the check that fails.
const SERVERS: &[(&str, &str)] = &[
    ("refused", "sts"),
    ("accept-close", "audiences"),
    ("status-503", "audiences"),
    ("stall", "audiences"),
    ("html", "audiences"),
    ("status-307", "audiences"),
];

#[test]
fn each_fault_of_a_token_service_fails_one_check() {
    let _undisturbed = undisturbed();
    let of_tokens = Fault::all().filter(|fault| fault.is_of_tokens()).map(Fault::name);
    let of_tokens = of_tokens.map(|name| (name, if PASSED_ON.contains(&name) { "" } else { "audiences" }));
    let rows: Vec<_> = of_tokens.chain(SERVERS.iter().copied()).collect();
    assert!(rows.len() > 40, "{}", rows.len());
    walk(&rows, AT_ONCE, |row| look(*row));
}

fn look((fault, check): (&str, &str)) -> Complaints {
    let (rig, sts) = (Rig::new(), Sts::start(StsOptions::default()).unwrap());
    rig.write_secret("sts.secret", "jarvis-node-secret");
    rig.configure("led", "none");
    rig.configure("request_timeout_secs", 3);
    rig.configure("broker", json!({"socket": "node.sock"}));
    let client = json!({
        "issuer": sts.issuer(), "client_id": "jarvis-node", "client_secret_file": "sts.secret",
        "audiences": {"arp-run-gateway": {"users": [rustix::process::geteuid().as_raw()], "azp": ["jarvis-node"]}},
    });
    rig.configure("sts", client);
    let folder = tempfile::tempdir().unwrap();
    unit::stand_in(folder.path(), &rig.config());
    let examined = || {
        let mut command = rig.command("doctor");
        unit::before(folder.path(), &mut command);
        told(&mut command)
    };
    sts.server().set_faults(fault.parse().unwrap()).unwrap();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    until("it listens", || std::os::unix::net::UnixStream::connect(rig.path("node.sock")).is_ok());
    let mut all = complaints(fault, check, &examined());
    sts.server().set_faults(Faults::NONE).unwrap();
    // It takes effect at some moment: a daemon that was refused as a client asks again after a reload only.
    daemon.signal("HUP");
    let after =
        (0..TRIES).map(|_| examined()).find(|after| failing(after).is_empty()).unwrap_or_else(examined);
    all.extend(complaints(&format!("{fault} has ended"), "", &after));
    daemon.stop();
    all
}
