//! resolv.conf, hosts, and the kernel's description of interfaces in /sys/class/net.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use jarvis_node::fuzzing::resolver::{candidates, hosts, multicast, question, resolv_conf};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(|| {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("net/eth0")).expect("a folder");
    scratch
});

fuzz_target!(|input: &[u8]| {
    let [conf, table, index, flags] = parts::<4>(input);
    let net = SCRATCH.path("net");
    fs::write(net.join("eth0/ifindex"), index).expect("written");
    fs::write(net.join("eth0/flags"), flags).expect("written");
    let interfaces = multicast(&net);
    assert_eq!(interfaces.len(), 1, "one interface, or the kernel's choice");

    let (servers, search) = resolv_conf(&String::from_utf8_lossy(conf), 53, &net);
    assert!(servers.len() <= 3 && search.len() <= 32);
    assert!(servers.iter().all(|server| server.port() == 53));
    assert!(servers.is_empty() || holds(conf, b"nameserver"));
    for domain in &search {
        assert!(!domain.is_empty() && !domain.starts_with('.') && !domain.ends_with('.'), "{domain}");
        assert!(!domain.contains(|c: char| c.is_ascii_whitespace()), "{domain:?}");
    }
    for host in ["auth", "auth.home"] {
        let names = candidates(host, &search);
        let own = if host.contains('.') { names.first() } else { names.last() };
        assert_eq!((own.map(String::as_str), names.len()), (Some(host), search.len() + 1));
        for name in names {
            let _ = question(1, &name, true, false);
        }
        let table = String::from_utf8_lossy(table);
        let found = hosts(&table, host, &net);
        let naming = table.lines().filter(|line| line.to_ascii_lowercase().contains(host)).count();
        assert!(found.len() <= naming, "an address that no line gives");
        for address in found {
            let scoped = format!("{}", address.ip());
            let here = table.split_ascii_whitespace().filter_map(|w| w.split('%').next()?.parse().ok());
            assert!(here.into_iter().any(|ip: std::net::IpAddr| ip == address.ip()), "{scoped}");
            assert_eq!(address.port(), 0);
        }
    }
});
