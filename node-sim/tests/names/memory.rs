//! A daemon that runs while names stop resolving.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::house::{House, dnsmasq};
use super::lan::Process;

const PATIENCE: Duration = Duration::from_secs(90);

/// Starts the daemon, which asks every second, and waits for its first verdict.
fn started(house: &House) -> Process {
    house.configure("revalidate_secs", 1);
    house.configure("request_timeout_secs", 10);
    Process::start(&mut house.jarvis_node("run"), "] valid: ")
}

fn status(house: &House) -> Value {
    let output = house.jarvis_node("status").arg("--json").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Waits for a status that fits.
fn comes_to(house: &House, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let status = status(house);
        if fits(&status) {
            return status;
        }
        assert!(Instant::now() < end, "{what}: {status}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// Waits for a verdict of the server that came after this call.
fn has_a_new_verdict(house: &House) {
    let start = Instant::now();
    comes_to(house, "a new verdict", |status| {
        let age = Duration::from_secs(status["age_secs"].as_u64().unwrap_or(u64::MAX / 2) + 2);
        status["outcome"] == "valid" && status["source"] == "server" && age < start.elapsed()
    });
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn last_good_address_serves_without_the_name_server() {
    let mut house = House::new();
    house.look_for("auth.home");
    let records = ["--host-record=auth.home,10.7.0.2"];
    let dnsmasq_before = house.dnsmasq(&records);
    let _daemon = started(&house);
    has_a_new_verdict(&house);
    // First the name server's port is closed, then it does not know the name, then it is away.
    drop(dnsmasq_before);
    has_a_new_verdict(&house);
    let knows_nothing = dnsmasq(&house.server, &[]);
    has_a_new_verdict(&house);
    drop(knows_nothing);
    house.node.write("resolv.conf", "nameserver 10.7.0.9\n");
    has_a_new_verdict(&house);
    // Another machine has the address now, so the lost name is what must be reported.
    house.open_strange_service();
    comes_to(&house, "a name that is lost", |status| {
        status["outcome"] == "valid-cached"
            && status["reason"].as_str().is_some_and(|r| r.contains("no address can be found for auth.home"))
    });
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn a_service_that_moves_is_found_by_its_name() {
    let house = House::new();
    house.look_for("auth.home");
    let before = house.dnsmasq(&["--host-record=auth.home,10.7.0.2"]);
    let _daemon = started(&house);
    house.server.run("ip address add 10.7.0.22/24 dev lan0");
    drop(before);
    let _after = dnsmasq(&house.server, &["--listen-address=10.7.0.22", "--host-record=auth.home,10.7.0.22"]);
    house.node.write("resolv.conf", "nameserver 10.7.0.22\n");
    has_a_new_verdict(&house);
    house.server.run("ip address delete 10.7.0.2/24 dev lan0; ip address replace 10.7.0.22/24 dev lan0");
    has_a_new_verdict(&house);
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn plain_http_uses_no_remembered_address() {
    let mut house = House::new();
    house.open_service(&["--plain"]);
    house.configure("allow_http", true);
    house.configure("auth_url", "http://auth.home:7701");
    let dnsmasq = house.dnsmasq(&["--host-record=auth.home,10.7.0.2"]);
    let _daemon = started(&house);
    has_a_new_verdict(&house);
    drop(dnsmasq);
    comes_to(&house, "a name that is lost", |status| {
        status["outcome"] == "valid-cached"
            && status["reason"].as_str().is_some_and(|r| r.contains("no name server answers"))
    });
}
