mod name_servers;
mod neighbours;
mod packet;
mod services;

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::{fs, thread, vec};

use super::packet::{Kind, Question};
use super::query::usable;
use super::*;

const SOON: Duration = Duration::from_secs(20);
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// The test name server's answer to one question.
#[derive(Clone, Copy)]
enum Reply {
    Records(&'static [(u16, &'static [u8])]),
    Many(usize),
    Code(u8),
    Forged,
    Silence,
    /// Truncated over UDP, complete over TCP.
    TooLong(&'static [(u16, &'static [u8])]),
}

/// The name and type in a query.
fn asked(query: &[u8]) -> (String, u16) {
    let (mut at, mut name) = (12, String::new());
    while query[at] != 0 {
        let len = usize::from(query[at]);
        if !name.is_empty() {
            name.push('.');
        }
        name += std::str::from_utf8(&query[at + 1..][..len]).expect("ASCII");
        at += 1 + len;
    }
    (name, u16::from_be_bytes([query[at + 1], query[at + 2]]))
}

/// An answer to `query`. As usual, the name of each record is a pointer to the question's.
fn reply_to(query: &[u8], code: u8, records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut packet = query.to_vec();
    packet[2] |= 0x80;
    packet[3] = code;
    packet[6..8].copy_from_slice(&u16::try_from(records.len()).expect("few").to_be_bytes());
    for (kind, data) in records {
        packet.extend([0xc0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60]);
        packet.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        packet.extend(*data);
    }
    packet
}

/// Starts a name server that runs until the process ends. Returns its port.
fn name_server(replies: fn(&str, u16) -> Reply) -> u16 {
    let (socket, listener) = sockets();
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || serve_udp(&socket, replies));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut len = [0; 2];
            stream.read_exact(&mut len).expect("a length");
            let mut query = vec![0; u16::from_be_bytes(len).into()];
            stream.read_exact(&mut query).expect("a question");
            let (name, kind) = asked(&query);
            let Reply::TooLong(records) = replies(&name, kind) else { panic!("no need for TCP") };
            let answer = reply_to(&query, 0, records);
            let len = u16::try_from(answer.len()).expect("short").to_be_bytes();
            // In two pieces, as TCP may deliver it.
            stream.write_all(&[&len, &answer[..7]].concat()).expect("sent");
            stream.write_all(&answer[7..]).expect("sent");
        }
    });
    port
}

/// A port that is free for UDP and TCP.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        if let Ok(listener) = TcpListener::bind(socket.local_addr().expect("an address")) {
            return (socket, listener);
        }
    }
}

fn serve_udp(socket: &UdpSocket, replies: fn(&str, u16) -> Reply) {
    let mut buffer = [0; 512];
    while let Ok((len, from)) = socket.recv_from(&mut buffer) {
        let query = &buffer[..len];
        let (name, kind) = asked(query);
        let packet = match replies(&name, kind) {
            Reply::Silence => continue,
            Reply::Code(code) => reply_to(query, code, &[]),
            Reply::Records(records) => reply_to(query, 0, records),
            Reply::Many(count) => reply_to(query, 0, &vec![(A, &[192, 0, 2, 5][..]); count]),
            Reply::Forged => {
                let mut packet = reply_to(query, 0, &[(A, &[6, 6, 6, 6])]);
                packet[1] ^= 1;
                packet
            }
            Reply::TooLong(_) => {
                let mut packet = reply_to(query, 0, &[]);
                packet[2] |= 2;
                packet
            }
        };
        // The client may be gone by now.
        let _ = socket.send_to(&packet, from);
    }
}

impl NameResolver {
    /// A resolver with these files, and without name server or neighbours.
    pub(in crate::net) fn from_files(hosts: PathBuf, resolv_conf: PathBuf) -> Self {
        let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        let interfaces = Interfaces(PathBuf::new());
        let complained = AtomicBool::new(false);
        Self { hosts, resolv_conf, interfaces, dns_port: 1, mdns_groups: [nowhere; 2], complained }
    }
}

/// A resolver with these files, and the folder that holds them. Neighbours listen at `mdns_port`.
fn names_with_neighbours(
    hosts: &str,
    resolv_conf: &str,
    dns_port: u16,
    mdns_port: u16,
) -> (tempfile::TempDir, NameResolver) {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    };
    at("net/eth0/ifindex", "7\n");
    // The interface is down, so the kernel chooses the one for multicast.
    at("net/eth0/flags", "0x1002\n");
    let names = NameResolver {
        hosts: at("hosts", hosts),
        resolv_conf: at("resolv.conf", resolv_conf),
        interfaces: Interfaces(dir.path().join("net")),
        dns_port,
        mdns_groups: [
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), mdns_port),
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), mdns_port),
        ],
        complained: AtomicBool::new(false),
    };
    (dir, names)
}

fn names(hosts: &str, resolv_conf: &str, dns_port: u16) -> (tempfile::TempDir, NameResolver) {
    names_with_neighbours(hosts, resolv_conf, dns_port, 1)
}

/// The addresses without their port; empty on any error.
fn found(names: &NameResolver, host: &str) -> Vec<IpAddr> {
    let found = names.look_up(host, 7701, SOON).unwrap_or_default();
    assert!(found.iter().all(|address| address.port() == 7701), "{found:?}");
    found.iter().map(SocketAddr::ip).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn literal_addresses_need_no_lookup() {
    let (_dir, names) = names("", "", 1);
    assert_eq!(found(&names, "192.0.2.7"), [ip("192.0.2.7")]);
    assert_eq!(found(&names, "2001:db8::7"), [ip("2001:db8::7")]);
}

#[test]
fn hosts_file_comes_first_and_localhost_is_local() {
    let hosts = "# my own\n127.0.0.1 localhost\n192.0.2.7\tauth.home Auth # the server\n2001:db8::7 auth.home\nnonsense x\n";
    let (_dir, names) = names(hosts, "", 1);
    assert_eq!(found(&names, "AUTH.home."), [ip("2001:db8::7"), ip("192.0.2.7")]);
    assert_eq!(found(&names, "auth"), [ip("192.0.2.7")]);
    assert_eq!(found(&names, "localhost"), [ip("127.0.0.1")]);
    assert_eq!(found(&names, "x.localhost"), [ip("::1"), ip("127.0.0.1")]);
}

#[test]
fn resolv_conf_is_parsed_as_libc_does() {
    let (_dir, names) = names("", "", 1);
    let parse = |text| ResolvConf::parse(text, 53, "kitchen.own.home", &names.interfaces);
    let parsed = parse(
        "; old\ndomain a.b\nnameserver 192.0.2.1 # router\nnameserver fe80::1%nowhere\nnameserver fe80::1%eth0\nsearch home lan\noptions ndots:2\nnameserver\n nameserver 2001:db8::1\nnameserver 192.0.2.4\n",
    );
    let servers: Vec<_> = parsed.name_servers.iter().map(SocketAddr::to_string).collect();
    assert_eq!(servers, ["192.0.2.1:53", "[fe80::1%7]:53", "[2001:db8::1]:53"]);
    assert_eq!((parsed.search, parsed.ndots), (["home".into(), "lan".into()].into(), 2));
    assert_eq!(parsed.unusable, Some(4), "the zone of no interface here");
    assert_eq!(parse("").search, ["own.home"], "the machine's own domain");
    assert!(parse("search .").search.is_empty());
    for (options, ndots) in
        [("", 1), ("options ndots:0", 0), ("options ndots:99 rotate", 15), ("options ndots:x", 1)]
    {
        assert_eq!(parse(options).ndots, ndots, "{options}");
    }
    assert_eq!(parse("nameserver fe80::1%3").name_servers[0].to_string(), "[fe80::1%3]:53");
    for text in ["", "nameserver 192.0.2.1%eth0", "nameserver fe80::1%../eth0", "nameserver fe80::1%"] {
        assert!(parse(text).name_servers.is_empty(), "{text}");
    }
}

#[test]
fn search_domains_are_tried_as_glibc_tries_them() {
    let conf = |ndots| ResolvConf {
        name_servers: Vec::new(),
        search: ["home".into(), "lan".into()].into(),
        ndots,
        unusable: None,
    };
    for (host, ndots, names) in [
        ("auth", 1, &["auth.home", "auth.lan", "auth"][..]),
        ("auth.iot", 1, &["auth.iot", "auth.iot.home", "auth.iot.lan"]),
        ("auth.iot", 2, &["auth.iot.home", "auth.iot.lan", "auth.iot"]),
        ("auth", 0, &["auth", "auth.home", "auth.lan"]),
        ("auth.", 1, &["auth"]),
        ("auth.iot.", 5, &["auth.iot"]),
    ] {
        assert_eq!(conf(ndots).candidates(host), names, "{host} {ndots}");
    }
}

#[test]
fn dotted_name_is_found_in_a_search_domain() {
    let port = name_server(|name, kind| match (name, kind) {
        ("auth.iot.home", A) => Reply::Records(&[(A, &[192, 0, 2, 9])]),
        ("auth.iot.home", _) => Reply::Records(&[]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "search home\nnameserver 127.0.0.1", port);
    assert_eq!(found(&names, "auth.iot"), [ip("192.0.2.9")]);
    assert!(found(&names, "auth.iot.").is_empty(), "a final dot means this name and no other");
}

#[test]
fn hosts_and_resolv_conf_are_read_as_people_save_them() {
    let port = name_server(|name, kind| match (name, kind) {
        ("auth", A) => Reply::Records(&[(A, &[192, 0, 2, 9])]),
        _ => Reply::Records(&[]),
    });
    let conf = "\u{feff}nameserver 127.0.0.1\r\n";
    let (dir, names) = names("\u{feff}192.0.2.7 one\r\n192.0.2.8 two", conf, port);
    for (host, address) in [("one", "192.0.2.7"), ("two", "192.0.2.8"), ("auth", "192.0.2.9")] {
        assert_eq!(found(&names, host), [ip(address)], "{host}");
    }
    for name in ["hosts", "resolv.conf"] {
        let utf_16: Vec<u8> = "nameserver 127.0.0.1 one\n".bytes().flat_map(|byte| [byte, 0]).collect();
        fs::write(dir.path().join(name), utf_16).expect("written");
    }
    assert!(names.in_hosts_file("one").is_empty() && names.read_resolv_conf().is_empty());
    // Neither is ever waited for, nor read to an end that does not come.
    for (hosts, resolv_conf) in [
        (PathBuf::from("/dev/zero"), PathBuf::from("/dev/zero")),
        (dir.path().into(), dir.path().into()),
        (dir.path().join("none"), dir.path().join("none")),
    ] {
        let names = NameResolver::from_files(hosts, resolv_conf);
        assert!(names.in_hosts_file("one").is_empty() && names.read_resolv_conf().is_empty());
    }
}

#[test]
fn invalid_host_name_is_not_queried() {
    let port = name_server(|_, _| Reply::Records(&[(A, &[192, 0, 2, 1])]));
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    for host in ["a..b", "", &"x".repeat(64), &"x.".repeat(130), "schön.home"] {
        assert!(found(&names, host).is_empty(), "{host}");
    }
}
