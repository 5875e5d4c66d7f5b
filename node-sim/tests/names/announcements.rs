//! The announcement of a home's config service, as a device hears it that has another implementation of
//! multicast DNS: the packets are read here. Only namespaces may hear the stub's announcements: its library
//! joins the group on every interface before it is told which to use.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};

use server_stub::{Home, Options, Place, Stub};

use super::house;
use super::lan::{Device, Lan, Process};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const SERVICE_TYPE: &str = "_jarvis-config._tcp.local";
const INSTANCE: &str = "Jarvis (zuhause)._jarvis-config._tcp.local";
const PTR: u16 = 12;
const A: u16 = 1;
const TXT: u16 = 16;
const SRV: u16 = 33;
/// For a busy machine: names are probed for most of a second before they are announced.
const PATIENCE: Duration = Duration::from_secs(30);

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    name: String,
    kind: u16,
    ttl: u32,
    /// For PTR and SRV with the name written out, behind the numbers of SRV.
    data: Vec<u8>,
}

/// A domain name at `at`, with the place behind it.
fn name(packet: &[u8], mut at: usize) -> (String, usize) {
    let (mut labels, mut end) = (Vec::new(), None);
    loop {
        let length = usize::from(packet[at]);
        match length {
            0 => return (labels.join("."), end.unwrap_or(at + 1)),
            1..0x40 => {
                labels.push(String::from_utf8(packet[at + 1..=at + length].to_vec()).unwrap());
                at += 1 + length;
            }
            _ => {
                end = end.or(Some(at + 2));
                at = (length & 0x3f) << 8 | usize::from(packet[at + 1]);
            }
        }
    }
}

/// The records of a response; none of a query.
fn records(packet: &[u8]) -> Vec<Record> {
    let number = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    if packet[2] & 0x80 == 0 {
        return Vec::new();
    }
    let mut at = 12;
    for _ in 0..number(4) {
        at = name(packet, at).1 + 4;
    }
    let all = (0..number(6) + number(8) + number(10)).map(|_| {
        let (owner, head) = name(packet, at);
        let kind = number(head);
        let ttl = u32::from(number(head + 4)) << 16 | u32::from(number(head + 6));
        let data = head + 10..head + 10 + usize::from(number(head + 8));
        at = data.end;
        let data = match kind {
            PTR => name(packet, data.start).0.into_bytes(),
            SRV => [&packet[data.start..data.start + 6], name(packet, data.start + 6).0.as_bytes()].concat(),
            _ => packet[data].to_vec(),
        };
        Record { name: owner, kind, ttl, data }
    });
    all.collect()
}

/// All that `device` hears of the group from now on.
fn listen(device: &Device) -> Receiver<Vec<Record>> {
    let (heard, hears) = channel();
    device.thread(move || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5353)).unwrap();
        socket.join_multicast_v4(&GROUP, &Ipv4Addr::new(10, 7, 0, 1)).unwrap();
        let mut packet = [0; 9000];
        // The test is over once nobody listens.
        while let Ok(length) = socket.recv(&mut packet) {
            if heard.send(records(&packet[..length])).is_err() {
                break;
            }
        }
    });
    hears
}

/// Asks from a port of its own, as a simple resolver does (RFC 6762 section 6.7).
fn ask(device: &Device) -> Vec<Record> {
    let (answered, answer) = channel();
    device.thread(move || {
        let mut question = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in SERVICE_TYPE.split('.') {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend(label.as_bytes());
        }
        question.extend([0, 0, 12, 0, 1]);
        let socket = UdpSocket::bind((Ipv4Addr::new(10, 7, 0, 1), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&question, (GROUP, 5353)).unwrap();
        let mut packet = [0; 9000];
        let length = socket.recv(&mut packet).unwrap();
        answered.send(records(&packet[..length])).unwrap();
    });
    answer.recv().unwrap()
}

/// A node at 10.7.0.1 and a server at 10.7.0.2.
fn network() -> (Lan, Device, Device) {
    let lan = Lan::new();
    let (node, server) = (lan.plug_in(&["10.7.0.1/24"]), lan.plug_in(&["10.7.0.2/24"]));
    node.run("ip route add 224.0.0.0/4 dev lan0");
    (lan, node, server)
}

fn await_home(hears: &Receiver<Vec<Record>>, port: u16) {
    while !has_all(&hears.recv_timeout(PATIENCE).unwrap(), port) {}
}

fn await_goodbye(hears: &Receiver<Vec<Record>>) {
    let goodbye = |all: &[Record]| all.iter().any(|record| record.kind == PTR && record.ttl == 0);
    while !goodbye(&hears.recv_timeout(PATIENCE).unwrap()) {}
}

/// The records that `all` must have: of the service, and that port and address.
fn has_all(all: &[Record], port: u16) -> bool {
    let srv = [&[0, 0, 0, 0][..], &port.to_be_bytes(), b"zuhause.local"].concat();
    [
        (SERVICE_TYPE, PTR, INSTANCE.as_bytes()),
        (INSTANCE, SRV, &*srv),
        (INSTANCE, TXT, b"\0"),
        ("zuhause.local", A, &[10, 7, 0, 2]),
    ]
    .iter()
    .all(|(name, kind, data)| {
        let is_it = |r: &Record| r.name == *name && r.kind == *kind && r.data == *data && r.ttl > 0;
        all.iter().any(is_it)
    })
}

#[test]
#[ignore = "needs root and network namespaces"]
fn home_is_announced_until_it_stops() {
    let (_lan, node, server) = network();
    let hears = listen(&node);
    let mut command = server.command(house::server_stub());
    command.args(["--home", "jarvisd", "--announce=zuhause", "--listen", "0.0.0.0:0", "--plain", "--dir"]);
    let (stub, line) = Process::start_and_tell(command.arg(server.path("stub")), "\"url\"");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let config = line["config"].as_str().unwrap();
    let port = config.rsplit(':').next().unwrap().parse().unwrap();

    await_home(&hears, port);
    let answer = ask(&node);
    assert!(has_all(&answer, port), "{answer:#?}");
    stub.stop();
    await_goodbye(&hears);
}

#[test]
#[ignore = "needs root and network namespaces"]
fn home_that_is_down_is_not_announced() {
    let (_lan, node, server) = network();
    let hears = listen(&node);
    let (order, orders) = channel();
    let (tell, told) = channel();
    server.thread(move || {
        let config = Place { listen: SocketAddr::from(([10, 7, 0, 2], 0)), ..Place::default() };
        let announce = Some("zuhause".to_owned());
        let options = Options { home: Home::Jarvisd, tls: false, config, announce, ..Options::default() };
        let stub = Stub::start(options).unwrap();
        tell.send(stub.config().addr().port()).unwrap();
        orders.recv().unwrap();
        stub.go_down();
        orders.recv().unwrap();
        stub.come_back().unwrap();
        // Until the test is over.
        let _ = orders.recv();
    });
    let port = told.recv().unwrap();
    await_home(&hears, port);
    order.send(()).unwrap();
    await_goodbye(&hears);
    order.send(()).unwrap();
    await_home(&hears, port);
}
