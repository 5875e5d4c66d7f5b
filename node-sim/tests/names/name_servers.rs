//! Real name servers, and the files that come before them.

use core::time::Duration;

use super::house::{House, dnsmasq, named};

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn a_name_server_knows_addresses_of_either_kind_and_aliases() {
    let house = House::new();
    let _dnsmasq = house.dnsmasq(&[
        "--host-record=auth.home,10.7.0.2,fd07::2",
        "--host-record=four.home,10.7.0.2",
        "--host-record=six.home,fd07::2",
        "--cname=alias.home,auth.home",
        "--cname=far.home,alias.home",
    ]);
    house.finds("auth.home");
    house.finds("AUTH.home.");
    // These names are found. TLS refuses the certificate, which is for another name.
    for name in ["four.home", "six.home", "alias.home", "far.home"] {
        house.look_for(name);
        let (view, _) = house.check();
        assert_eq!(view["outcome"], "tls", "{name}: {view}");
    }
    house.misses("nobody.home", "nobody.home:7701: the name server knows of none");
    // This name exists, but has no address.
    house.misses("home", "the name server knows of none");
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn a_short_name_is_found_in_a_search_domain() {
    let house = House::new();
    let _dnsmasq = house.dnsmasq(&["--host-record=auth.lan,10.7.0.2"]);
    house.node.write("resolv.conf", "search example lan\nnameserver 10.7.0.2\n");
    house.finds("auth");
    house.node.write("resolv.conf", "search example\nnameserver 10.7.0.2\n");
    house.misses("auth", "the name server knows of none");
}

#[test]
#[ignore = "needs root, network namespaces, dnsmasq and bind9"]
fn a_name_server_that_fails_is_passed_over() {
    let house = House::new();
    let _dnsmasq = house.dnsmasq(&["--host-record=auth.home,10.7.0.2,fd07::2"]);
    let broken = house.lan.plug_in(&["10.7.0.3/24", "fd07::3/64"]);
    // A zone without its file is SERVFAIL; one that is not there at all, REFUSED.
    let _named = named(&broken, r#"zone "home" { type primary; file "missing"; };"#);
    house.node.write("resolv.conf", "nameserver 10.7.0.3\n");
    house.misses("auth.home", "10.7.0.3 does not look it up (SERVFAIL)");
    house.misses("auth.example", "10.7.0.3 does not look it up (REFUSED)");
    house.node.write("resolv.conf", "nameserver 10.7.0.3\nnameserver fd07::3\nnameserver 10.7.0.2\n");
    house.finds("auth.home");
    // No host has this address, so no answer comes.
    house.node.write("resolv.conf", "nameserver 10.7.0.9\nnameserver 10.7.0.2\n");
    house.finds("auth.home");
    // The host is there, but its port is closed.
    house.node.write("resolv.conf", "nameserver 10.7.0.1\nnameserver 10.7.0.2\n");
    house.finds("auth.home");
}

#[test]
#[ignore = "needs root, network namespaces and bind9"]
fn an_answer_too_long_for_a_packet_is_had_over_tcp() {
    let house = House::new();
    // Three aliases so long that the address does not fit behind them.
    let long = |letter: &str| vec![letter.repeat(58); 4].join(".");
    let (one, two, three) = (long("a"), long("b"), long("c"));
    let zone = format!(
        "$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\nns A 10.7.0.2\n\
         auth CNAME {one}\n{one} CNAME {two}\n{two} CNAME {three}\n{three} A 10.7.0.2\n"
    );
    std::fs::create_dir_all(house.server.path("named")).unwrap();
    house.server.write("named/home", &zone);
    let _named = named(&house.server, r#"zone "home" { type primary; file "home"; };"#);
    house.node.write("resolv.conf", "nameserver 10.7.0.2\n");
    house.finds("auth.home");
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn a_router_may_be_known_by_its_link_local_address() {
    let house = House::new();
    let _dnsmasq = house.dnsmasq(&["--host-record=auth.home,fd07::2"]);
    let router = house.server.link_local();
    house.node.write("resolv.conf", &format!("nameserver {router}%lan0\n"));
    house.finds("auth.home");
    house.node.write("resolv.conf", &format!("nameserver {router}%2\n"));
    house.node.run("test $(cat /sys/class/net/lan0/ifindex) = 2");
    house.finds("auth.home");
    house.node.write("resolv.conf", &format!("nameserver {router}%lan1\n"));
    house.misses("auth.home", "no name server by a plain IP address");
}

#[test]
#[ignore = "needs root, network namespaces and dnsmasq"]
fn the_hosts_file_comes_before_the_name_server() {
    let house = House::new();
    let _dnsmasq = house.dnsmasq(&["--host-record=auth.home,10.7.0.9", "--host-record=auth.local,10.7.0.9"]);
    house.node.write("hosts", "10.7.0.2 auth.home auth.local\n");
    house.finds("auth.home");
    house.finds("auth.local");
    house.node.write("hosts", &format!("{}%lan0 auth.home\n", house.server.link_local()));
    house.finds("auth.home");
    house.node.write("hosts", "");
    house.misses("auth.home", "");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn addresses_need_no_names() {
    let mut house = House::new();
    house.open_service(&["--name", "10.7.0.2", "--name", "fd07::2"]);
    house.node.write("resolv.conf", "nameserver 10.7.0.9\n");
    house.finds("10.7.0.2");
    house.finds("[fd07::2]");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn without_a_name_server_it_says_so_in_good_time() {
    let house = House::new();
    // None configured, no host at the address, and no route to it.
    for (servers, why) in [
        ("", "/etc/resolv.conf gives no name server"),
        ("nameserver 10.7.0.9\n", "no name server answers"),
        ("nameserver 10.8.0.1\n", "no name server answers"),
    ] {
        house.node.write("resolv.conf", servers);
        let took = house.misses("auth.home", why);
        assert!(took < Duration::from_secs(25), "{took:?}");
    }
    house.node.run("ip link set lan0 down");
    house.misses("auth.home", "no name server answers");
}

#[test]
#[ignore = "needs root, network namespaces, dnsmasq and iptables"]
fn packets_may_get_lost() {
    let house = House::new();
    let _dnsmasq = dnsmasq(&house.server, &["--host-record=auth.home,10.7.0.2"]);
    house.node.write("resolv.conf", "nameserver 10.7.0.2\n");
    house.loses_packets("-p udp");
    house.look_for("auth.home");
    // Each may fail, one in two hundred by chance, and the daemon would try again.
    let found = (0..20).filter(|_| house.check().0["outcome"] == "valid").count();
    assert!(found >= 16, "{found} of 20");
}
