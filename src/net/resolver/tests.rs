use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::{fs, thread, vec};

use proptest::prelude::*;

use super::packet::{Kind, Question};
use super::*;

const SOON: Duration = Duration::from_secs(20);
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// What a name server of the test's own has to say to one question.
#[derive(Clone, Copy)]
enum Reply {
    Records(&'static [(u16, &'static [u8])]),
    Many(usize),
    Code(u8),
    Forged,
    Silence,
    /// Cut off over UDP, whole over TCP.
    TooLong(&'static [(u16, &'static [u8])]),
}

/// The question's name, dotted, and its kind.
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

/// An answer to `query`; each record's name is a pointer to the question's, as usual.
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

/// Answers by name and kind, for as long as the test's process lives; returns its port.
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
            // In two pieces, as it may come.
            stream.write_all(&[&len, &answer[..7]].concat()).expect("sent");
            stream.write_all(&answer[7..]).expect("sent");
        }
    });
    port
}

/// A port that is free for both.
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
        // Who asked may be gone by now.
        let _ = socket.send_to(&packet, from);
    }
}

impl Names {
    /// With these files, no name server and no neighbours.
    pub(crate) fn from_files(hosts: PathBuf, resolv_conf: PathBuf) -> Self {
        let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        let interfaces = Interfaces(PathBuf::new());
        Self { hosts, resolv_conf, interfaces, dns_port: 1, mdns_groups: [nowhere; 2] }
    }
}

/// Names with these files, in a folder that lives as long. Neighbours are asked at that port.
fn names_with_neighbours(
    hosts: &str,
    resolv_conf: &str,
    dns_port: u16,
    mdns_port: u16,
) -> (tempfile::TempDir, Names) {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    };
    at("net/eth0/ifindex", "7\n");
    // Down: to neighbours, packets go as the kernel pleases.
    at("net/eth0/flags", "0x1002\n");
    let names = Names {
        hosts: at("hosts", hosts),
        resolv_conf: at("resolv.conf", resolv_conf),
        interfaces: Interfaces(dir.path().join("net")),
        dns_port,
        mdns_groups: [
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), mdns_port),
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), mdns_port),
        ],
    };
    (dir, names)
}

fn names(hosts: &str, resolv_conf: &str, dns_port: u16) -> (tempfile::TempDir, Names) {
    names_with_neighbours(hosts, resolv_conf, dns_port, 1)
}

/// The addresses, without the port; none whatever the reason.
fn found(names: &Names, host: &str) -> Vec<IpAddr> {
    let found = names.look_up(host, 7701, SOON).unwrap_or_default();
    assert!(found.iter().all(|address| address.port() == 7701), "{found:?}");
    found.iter().map(SocketAddr::ip).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn addresses_stand_for_themselves() {
    let (_dir, names) = names("", "", 1);
    assert_eq!(found(&names, "192.0.2.7"), [ip("192.0.2.7")]);
    assert_eq!(found(&names, "2001:db8::7"), [ip("2001:db8::7")]);
}

#[test]
fn the_hosts_file_comes_first_and_localhost_needs_no_server() {
    let hosts = "# my own\n127.0.0.1 localhost\n192.0.2.7\tauth.home Auth # the server\n2001:db8::7 auth.home\nnonsense x\n";
    let (_dir, names) = names(hosts, "", 1);
    assert_eq!(found(&names, "AUTH.home."), [ip("2001:db8::7"), ip("192.0.2.7")]);
    assert_eq!(found(&names, "auth"), [ip("192.0.2.7")]);
    assert_eq!(found(&names, "localhost"), [ip("127.0.0.1")]);
    assert_eq!(found(&names, "x.localhost"), [ip("::1"), ip("127.0.0.1")]);
}

#[test]
fn a_name_server_is_asked_for_both_kinds_of_address() {
    const SIX: &[u8] = &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let port = name_server(|name, kind| match (name, kind) {
        // A CNAME's data is a name, whose four bytes must not be taken for an address.
        ("auth.home", A) => Reply::Records(&[(CNAME, &[1, b'x', 0xc0, 17]), (A, &[192, 0, 2, 9])]),
        // Of a kind nobody has assigned, and still only stepped over.
        ("auth.home", AAAA) => Reply::Records(&[(65_280, &[1, 2, 3, 4]), (AAAA, SIX)]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(found(&names, "auth.home"), [ip("2001:db8::9"), ip("192.0.2.9")]);
    assert_eq!(names.look_up("nobody.home", 1, SOON), Err(NotFound::NoSuchName));
}

#[test]
fn a_name_with_more_addresses_than_are_tried_has_some() {
    let port = name_server(|_, kind| if kind == A { Reply::Many(29) } else { Reply::Records(&[]) });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(found(&names, "crowd.home").len(), 8);
}

#[test]
fn a_short_name_is_tried_in_the_search_domains_first() {
    let port = name_server(|name, kind| match (name, kind) {
        ("auth.lan", A) => Reply::Records(&[(A, &[192, 0, 2, 3])]),
        ("auth.lan", _) => Reply::Records(&[]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "search home lan.\nnameserver 127.0.0.1\n", port);
    assert_eq!(found(&names, "auth"), [ip("192.0.2.3")]);
}

#[test]
fn a_server_that_fails_or_lies_is_passed_over() {
    let port = name_server(|name, kind| match (name, kind) {
        ("forged.home", A) => Reply::Forged,
        ("half.home", A) => Reply::Records(&[(A, &[192, 0, 2, 4])]),
        ("half.home", _) => Reply::Silence,
        ("unsure.home", A) => Reply::Records(&[]),
        _ => Reply::Code(15),
    });
    // Nobody listens at ::1, so that the first server is one to pass over.
    let (_dir, names) = names("", "nameserver ::1\nnameserver 127.0.0.1\n", port);
    assert_eq!(found(&names, "half.home"), [ip("192.0.2.4")]);
    assert_eq!(names.look_up("refused.home", 1, SOON), Err(NotFound::NoNameServer));
    assert_eq!(names.look_up("unsure.home", 1, SOON), Err(NotFound::NoNameServer));
    assert_eq!(names.look_up("forged.home", 1, Duration::from_secs(1)), Err(NotFound::NoNameServer));
}

#[test]
fn what_cannot_be_a_name_is_not_asked_for() {
    let port = name_server(|_, _| Reply::Records(&[(A, &[192, 0, 2, 1])]));
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    for host in ["a..b", "", &"x".repeat(64), &"x.".repeat(130), "schön.home"] {
        assert!(found(&names, host).is_empty(), "{host}");
    }
}

#[test]
fn resolv_conf_is_read_as_libc_reads_it() {
    let (_dir, names) = names("", "", 1);
    let parse = |text| ResolvConf::parse(text, 53, &names.interfaces);
    let parsed = parse(
        "; old\ndomain a.b\nnameserver 192.0.2.1 # router\nnameserver fe80::1%nowhere\nnameserver fe80::1%eth0\nsearch home lan\noptions ndots:2\nnameserver\n nameserver 2001:db8::1\nnameserver 192.0.2.4\n",
    );
    let servers: Vec<_> = parsed.name_servers.iter().map(SocketAddr::to_string).collect();
    assert_eq!(servers, ["192.0.2.1:53", "[fe80::1%7]:53", "[2001:db8::1]:53"]);
    assert_eq!(parsed.search, ["home", "lan"]);
    assert_eq!(parse("nameserver fe80::1%3").name_servers[0].to_string(), "[fe80::1%3]:53");
    for text in ["", "nameserver 192.0.2.1%eth0", "nameserver fe80::1%../eth0", "nameserver fe80::1%"] {
        assert!(parse(text).name_servers.is_empty(), "{text}");
    }
}

#[test]
fn without_a_name_server_the_machine_itself_is_asked() {
    let port = name_server(|_, _| Reply::Records(&[(A, &[192, 0, 2, 8])]));
    let (_dir, names) = names("", "", port);
    assert_eq!(found(&names, "auth.home")[0], ip("192.0.2.8"));
    // But not for a neighbour's name.
    assert_eq!(names.look_up("auth.local", 1, SOON), Err(NotFound::NoNeighbour));
}

#[test]
fn an_answer_that_was_cut_off_is_asked_for_over_tcp() {
    let port =
        name_server(
            |_, kind| {
                if kind == A { Reply::TooLong(&[(A, &[192, 0, 2, 6])]) } else { Reply::Records(&[]) }
            },
        );
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(found(&names, "long.home"), [ip("192.0.2.6")]);
}

#[test]
fn addresses_that_lead_nowhere_are_none() {
    let port = name_server(|_, kind| match kind {
        A => Reply::Records(&[(A, &[0, 0, 0, 0]), (A, &[224, 0, 0, 251])]),
        // fe80::1, and nobody says on which link.
        _ => Reply::Records(&[
            (AAAA, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            (AAAA, &[0; 16]),
        ]),
    });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(names.look_up("blocked.home", 1, SOON), Err(NotFound::NoSuchName));
    assert_eq!(usable(ip("fe80::1"), 7).map(|a| a.to_string()).as_deref(), Some("[fe80::1%7]:0"));
}

#[test]
fn neighbours_are_asked_for_local_names_before_the_name_server() {
    let dns = name_server(|name, kind| match (name, kind) {
        ("auth.local" | "old.local", A) => Reply::Records(&[(A, &[192, 0, 2, 1])]),
        _ => Reply::Code(3),
    });
    let neighbour = name_server(|name, kind| match (name, kind) {
        ("auth.local", A) => Reply::Records(&[(A, &[192, 0, 2, 2]), (A, &[192, 0, 2, 2])]),
        _ => Reply::Silence,
    });
    let (_dir, names) = names_with_neighbours("", "search local\nnameserver 127.0.0.1", dns, neighbour);
    assert_eq!(found(&names, "auth.local"), [ip("192.0.2.2")]);
    assert_eq!(found(&names, "Auth"), [ip("192.0.2.2")]);
    assert_eq!(found(&names, "old.local"), [ip("192.0.2.1")]);
    assert_eq!(names.look_up("nobody.local", 1, SOON), Err(NotFound::NoNeighbour));
}

#[test]
fn a_neighbours_answer_counts_only_from_the_port_it_listens_at() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || {
        let elsewhere = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mut buffer = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let forged = reply_to(&buffer[..len], 0, &[(A, &[6, 6, 6, 6])]);
            elsewhere.send_to(&forged, from).expect("sent");
            let garbage = [&forged[..12], &[0xff; 300]].concat();
            socket.send_to(&garbage, from).expect("sent");
            let sound = reply_to(&buffer[..len], 0, &[(A, &[192, 0, 2, 2])]);
            socket.send_to(&sound, from).expect("sent");
        }
    });
    let (_dir, names) = names_with_neighbours("", "", 1, port);
    assert_eq!(found(&names, "auth.local"), [ip("192.0.2.2")]);
}

#[test]
fn only_interfaces_that_are_up_and_reach_neighbours_are_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, index, flags) in [
        ("wlan0", "3", "0x1003"),
        ("lo", "1", "0x9"),
        ("down0", "4", "0x1002"),
        ("tun0", "5", "0x91"),
        ("eth0", "2", "0x1003"),
        ("odd0", "6", "?"),
    ] {
        let folder = dir.path().join(name);
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("ifindex"), format!("{index}\n")).expect("written");
        fs::write(folder.join("flags"), format!("{flags}\n")).expect("written");
    }
    assert_eq!(Interfaces(dir.path().into()).multicast(), [2, 3]);
    assert_eq!(Interfaces(dir.path().join("lo")).multicast(), [0], "the kernel's choice");
}

fn question() -> Question {
    Question::new(7, "auth.home", Kind::A).expect("a sound name")
}

#[test]
fn only_the_answer_to_our_question_is_one() {
    let sound = reply_to(question().as_bytes(), 0, &[(A, &[192, 0, 2, 1])]);
    assert!(question().is_answered_by(&sound));
    let changed = |at: usize, to: u8| {
        let mut packet = sound.clone();
        packet[at] = to;
        question().is_answered_by(&packet)
    };
    assert!(changed(13, b'A'), "a name server may change the case of letters");
    for (at, to, what) in
        [(1, 8, "id"), (2, 1, "not an answer"), (5, 2, "two questions"), (13, b'b', "name"), (24, 28, "kind")]
    {
        assert!(!changed(at, to), "{what}");
    }
    assert!(!question().is_answered_by(&sound[..20]));
}

/// Names that make a reader which follows pointers panic, hang or grow without end.
#[test]
fn names_that_point_nowhere_are_stepped_over() {
    let long: Vec<u8> = [&[63][..], &[b'a'; 63], &[0xc0, 12]].concat();
    for name in [&[0xff, 0xff][..], &[0xc0, 0x0c], &long, &[0xc0], &[63, b'a'], &[0x80, 0], &[]] {
        let header = [0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        for tail in [&[0, 1, 0, 1][..], &[0, 1, 0, 1, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]] {
            let packet = [&header[..], name, tail].concat();
            assert!(!question().is_answered_by(&packet));
            assert!(packet::addresses(&packet).is_some_and(|found| found.len() <= 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_packet_upsets_the_reader(packet in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = question().is_answered_by(&packet);
        let _ = packet::addresses(&packet);
    }

    #[test]
    fn a_damaged_answer_gives_at_most_what_stood_in_it(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packet = reply_to(question().as_bytes(), 0, &[(A, &[192, 0, 2, 1]), (A, &[192, 0, 2, 2])]);
        for (at, to) in damage {
            let at = at.index(packet.len());
            packet[at] = to;
        }
        packet.truncate(cut.index(packet.len()));
        let _ = question().is_answered_by(&packet);
        prop_assert!(packet::addresses(&packet).is_none_or(|found| found.len() <= packet.len() / 4));
    }
}
