//! Names with several addresses, some of which are dead.

use core::time::Duration;

use super::house::{House, dnsmasq};

/// The time that a dead address family may cost.
const BEARABLE: Duration = Duration::from_secs(1);

/// A house whose server is the node's router and drops what it should forward, as when a provider's IPv6 has
/// failed.
fn with_dead_routes() -> House {
    let house = House::new();
    house.node.run("ip route add default via 10.7.0.2 && ip -6 route add default via fd07::2");
    house.server.run("echo 0 > /proc/sys/net/ipv4/ip_forward");
    house
}

/// The shortest of some checks: other load on the machine only adds to it.
fn quickest(house: &House) -> Duration {
    (0..5).map(|_| house.finds("auth.home")).min().unwrap()
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn a_dead_route_of_either_family_costs_less_than_a_second() {
    let house = with_dead_routes();
    let dnsmasq = house.dnsmasq(&["--host-record=auth.home,10.7.0.2,fd07::2"]);
    let usual = quickest(&house);
    drop(dnsmasq);
    let many_dead: Vec<String> = (1..=12).map(|i| format!("--host-record=auth.home,fd99::{i:x}")).collect();
    let mut many_dead: Vec<&str> = many_dead.iter().map(String::as_str).collect();
    many_dead.push("--host-record=auth.home,10.7.0.2");
    for records in [
        &["--host-record=auth.home,10.7.0.2,fd99::1"][..],
        &["--host-record=auth.home,10.99.0.1,fd07::2"],
        &many_dead,
    ] {
        let _dnsmasq = house.dnsmasq(records);
        let took = quickest(&house);
        assert!(took < usual + BEARABLE, "{records:?}: {took:?}, usually {usual:?}");
    }
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn a_family_without_any_route_costs_nothing() {
    let house = House::with_addresses(&["10.7.0.1/24"], &["10.7.0.2/24"]);
    let _dnsmasq = house.dnsmasq(&["--host-record=auth.home,10.7.0.2,fd99::1"]);
    house.finds("auth.home");
    house.node.run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    house.finds("auth.home");
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn failure_to_connect_names_its_cause() {
    let mut house = with_dead_routes();
    let _dnsmasq = house.dnsmasq(&[
        "--host-record=auth.home,10.7.0.2,fd07::2",
        "--host-record=dead.home,10.99.0.1,fd99::1",
        "--host-record=nobody.home,10.7.0.9",
    ]);
    let took = house.misses("dead.home", "dead.home:7701 does not answer");
    assert!(took >= Duration::from_secs(5), "connect_timeout_secs is five: {took:?}");
    house.misses("nobody.home", "no connection to nobody.home:7701: host unreachable");
    house.close_service();
    house.misses("auth.home", "no connection to auth.home:7701: connection refused");
    house.node.run("ip route delete default && ip -6 route delete default");
    house.misses("dead.home", "no connection to dead.home:7701: network unreachable");
}

#[test]
#[ignore = "needs root, network namespaces, dnsmasq and iptables"]
fn link_that_loses_a_third_still_works() {
    let house = House::new();
    let _dnsmasq = dnsmasq(&house.server, &["--host-record=auth.home,10.7.0.2,fd07::2"]);
    house.node.write("resolv.conf", "nameserver 10.7.0.2\n");
    house.look_for("auth.home");
    house.loses_packets("");
    // Any one may fail, and the daemon would try again.
    let found = (0..10).filter(|_| house.check().0["outcome"] == "valid").count();
    assert!(found >= 6, "{found} of 10");
}
