//! `.local` names, by Avahi.

use core::time::Duration;

use super::house::{House, avahi, dnsmasq};
use super::lan::Lan;

#[test]
#[ignore = "needs root, network namespaces and avahi-daemon"]
fn a_neighbour_is_found_by_its_local_name() {
    let house = House::new();
    let _avahi = avahi(&house.server, "auth", "");
    house.finds("auth.local");
    house.finds("Auth.LOCAL.");
    // A search domain may complete the name.
    house.node.write("resolv.conf", "search local\n");
    house.finds("auth");
    let took =
        house.misses("nobody.local", "nobody.local:7701: no device on this network answers to that name");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
#[ignore = "needs root, network namespaces and avahi-daemon"]
fn either_family_of_addresses_is_enough() {
    for (node, server, lines) in [
        (&["10.7.0.1/24"][..], &["10.7.0.2/24"][..], "use-ipv6=no"),
        (&["fd07::1/64"], &["fd07::2/64"], "use-ipv4=no"),
        // Only link-local addresses: the answer's address counts on the link it came from.
        (&[], &[], "use-ipv4=no"),
        (&["169.254.7.1/16"], &["169.254.7.2/16"], "use-ipv6=no"),
    ] {
        let house = House::with_addresses(node, server);
        let _avahi = avahi(&house.server, "auth", lines);
        house.finds("auth.local");
    }
}

#[test]
#[ignore = "needs root, network namespaces and avahi-daemon"]
fn neighbours_are_asked_on_every_link() {
    let house = House::with_addresses(&["10.7.0.1/24"], &["10.7.0.2/24"]);
    // The node's second link has nobody on it, and its default route goes there.
    let elsewhere = Lan::new();
    elsewhere.connect(&house.node, "lan1", &["10.9.0.1/24"]);
    house.node.run("ip route add default via 10.9.0.9");
    let _avahi = avahi(&house.server, "auth", "use-ipv6=no");
    house.finds("auth.local");
}

#[test]
#[ignore = "needs root, network namespaces and avahi-daemon"]
fn device_that_takes_the_connection_wins_of_two() {
    let house = House::new();
    let twin = house.lan.plug_in(&["10.7.0.3/24", "fd07::3/64"]);
    // The two do not hear each other, so neither gives up the name.
    house.lan.isolate([&house.server, &twin]);
    let _avahis = (avahi(&house.server, "auth", ""), avahi(&twin, "auth", ""));
    for _ in 0..5 {
        house.finds("auth.local");
    }
}

#[test]
#[ignore = "needs root, network namespaces, dnsmasq and avahi-daemon"]
fn a_home_may_have_local_names_in_its_name_server() {
    let house = House::new();
    let _dnsmasq = house.dnsmasq(&["--host-record=auth.local,10.7.0.2"]);
    let took = house.finds("auth.local");
    assert!(took < Duration::from_secs(10), "{took:?}");
    // A neighbour with the name comes before the name server.
    let _avahi = avahi(&house.server, "auth", "");
    let _liar = dnsmasq(&house.lan.plug_in(&["10.7.0.3/24"]), &["--host-record=auth.local,10.7.0.9"]);
    house.node.write("resolv.conf", "nameserver 10.7.0.3\n");
    house.finds("auth.local");
}

#[test]
#[ignore = "needs root, network namespaces, avahi-daemon and iptables"]
fn packets_may_get_lost() {
    let house = House::with_addresses(&["10.7.0.1/24"], &["10.7.0.2/24"]);
    let _avahi = avahi(&house.server, "auth", "use-ipv6=no");
    house.loses_packets("-p udp");
    house.look_for("auth.local");
    // Each may fail, one in fifty by chance, and the daemon would try again.
    let found = (0..20).filter(|_| house.check().0["outcome"] == "valid").count();
    assert!(found >= 16, "{found} of 20");
}
