use std::net::UdpSocket;
use std::string::ToString;
use std::thread;
use std::{fs, vec};

use dns_protocol::{Flags, Message, MessageType, Question, ResourceRecord, ResourceType};
use proptest::prelude::*;

use super::*;

const SOON: Duration = Duration::from_secs(20);

/// What a name server of the test's own has to say to one question.
enum Reply {
    Addresses(&'static [(ResourceType, &'static [u8])]),
    Code(u16),
    Forged,
    Silence,
}

/// Answers by question name and kind until dropped names are asked no more; returns its port.
fn name_server(replies: fn(&str, ResourceType) -> Reply) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let mut questions = [Question::default()];
            let query = Message::read(&buffer[..len], &mut questions, &mut [], &mut [], &mut [])
                .expect("a sound question");
            let (id, question) = (query.id(), query.questions()[0]);
            let name = question.name().to_string();
            let (mut id, mut code, mut answers) = (id, 0, vec![]);
            match replies(&name, question.ty()) {
                Reply::Silence => continue,
                Reply::Code(refusal) => code = refusal,
                Reply::Forged => {
                    id ^= 1;
                    answers.push(ResourceRecord::new(name.as_str(), ResourceType::A, 1, 60, &[6, 6, 6, 6]));
                }
                Reply::Addresses(records) => answers.extend(
                    records.iter().map(|(kind, data)| ResourceRecord::new(name.as_str(), *kind, 1, 60, data)),
                ),
            }
            let mut flags = Flags::default();
            flags.set_qr(MessageType::Reply);
            let mut questions = [question];
            let reply = Message::new(id, flags, &mut questions, &mut answers, &mut [], &mut []);
            let mut out = vec![0; reply.space_needed()];
            let len = reply.write(&mut out).expect("room");
            out[3] |= u8::try_from(code).expect("a code");
            socket.send_to(&out[..len], from).expect("sent");
        }
    });
    port
}

/// Names with these files, in a folder that lives as long.
fn names(hosts: &str, resolv_conf: &str, dns_port: u16) -> (tempfile::TempDir, Names) {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let names = Names { hosts: at("hosts", hosts), resolv_conf: at("resolv.conf", resolv_conf), dns_port };
    (dir, names)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn addresses_stand_for_themselves() {
    let (_dir, names) = names("", "", 1);
    assert_eq!(names.look_up("192.0.2.7", SOON), [ip("192.0.2.7")]);
    assert_eq!(names.look_up("2001:db8::7", SOON), [ip("2001:db8::7")]);
}

#[test]
fn the_hosts_file_comes_first_and_localhost_needs_no_server() {
    let hosts = "# my own\n127.0.0.1 localhost\n192.0.2.7\tauth.home Auth # the server\n2001:db8::7 auth.home\nnonsense x\n";
    let (_dir, names) = names(hosts, "", 1);
    assert_eq!(names.look_up("AUTH.home.", SOON), [ip("192.0.2.7"), ip("2001:db8::7")]);
    assert_eq!(names.look_up("auth", SOON), [ip("192.0.2.7")]);
    assert_eq!(names.look_up("localhost", SOON), [ip("127.0.0.1")]);
    assert_eq!(names.look_up("x.localhost", SOON), [ip("127.0.0.1"), ip("::1")]);
}

#[test]
fn a_name_server_is_asked_for_both_kinds_of_address() {
    const SIX: &[u8] = &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let port = name_server(|name, kind| match (name, kind) {
        ("auth.home", ResourceType::A) => Reply::Addresses(&[
            // A CNAME record's data is a name, which must not be taken for an address.
            (ResourceType::CName, &[4, b'r', b'e', b'a', b'l', 0]),
            (ResourceType::A, &[192, 0, 2, 9]),
        ]),
        ("auth.home", ResourceType::AAAA) => Reply::Addresses(&[(ResourceType::AAAA, SIX)]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    let mut found = names.look_up("auth.home", SOON);
    found.sort();
    assert_eq!(found, [ip("192.0.2.9"), ip("2001:db8::9")]);
    assert!(names.look_up("nobody.home", SOON).is_empty());
}

#[test]
fn a_short_name_is_tried_in_the_search_domains_first() {
    let port = name_server(|name, kind| match (name, kind) {
        ("auth.lan", ResourceType::A) => Reply::Addresses(&[(ResourceType::A, &[192, 0, 2, 3])]),
        ("auth.lan", _) => Reply::Addresses(&[]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "search home lan.\nnameserver 127.0.0.1\n", port);
    assert_eq!(names.look_up("auth", SOON), [ip("192.0.2.3")]);
}

#[test]
fn a_server_that_fails_or_lies_is_passed_over() {
    // Both addresses lead to the same socket only by IPv4; ::1 refuses.
    let port = name_server(|name, kind| match (name, kind) {
        ("forged.home", ResourceType::A) => Reply::Forged,
        ("half.home", ResourceType::A) => Reply::Addresses(&[(ResourceType::A, &[192, 0, 2, 4])]),
        ("half.home", _) => Reply::Silence,
        _ => Reply::Code(15),
    });
    let (_dir, names) = names("", "nameserver ::1\nnameserver 127.0.0.1\n", port);
    assert_eq!(names.look_up("half.home", SOON), [ip("192.0.2.4")]);
    assert!(names.look_up("refused.home", SOON).is_empty());
    assert!(names.look_up("forged.home", Duration::from_secs(1)).is_empty());
}

#[test]
fn what_cannot_be_a_name_is_not_asked_for() {
    let port = name_server(|_, _| Reply::Addresses(&[(ResourceType::A, &[192, 0, 2, 1])]));
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    for host in ["a..b", "", &"x".repeat(64), &"x.".repeat(130), "schön.home"] {
        assert!(names.look_up(host, SOON).is_empty(), "{host}");
    }
}

#[test]
fn resolv_conf_is_read_as_libc_reads_it() {
    let parsed = files::ResolvConf::parse(
        "; old\ndomain a.b\nnameserver 192.0.2.1 # router\nnameserver fe80::1%eth0\nsearch home lan\noptions ndots:2\nnameserver\n nameserver 2001:db8::1\n",
    );
    assert_eq!(parsed.name_servers, [ip("192.0.2.1"), ip("2001:db8::1")]);
    assert_eq!(parsed.search, ["home", "lan"]);
    assert_eq!(files::ResolvConf::parse("").name_servers, [ip("127.0.0.1")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_packet_upsets_the_reader(mut packet in prop::collection::vec(any::<u8>(), 0..512), flags in any::<[u8; 2]>()) {
        if packet.len() >= 12 {
            // Near enough to an answer to be read far into.
            packet[..8].copy_from_slice(&[0, 7, flags[0] | 0x80, flags[1], 0, 1, 0, 3]);
        }
        let _ = dns::read_answer(&mut packet, "auth.home", &[(7, ResourceType::A)]);
    }
}
