//! Services that neighbours announce.

use super::*;
use crate::net::resolver::{packet, services};

const KIND: &str = "_jarvis-config._tcp.local";
const PTR: u16 = 12;
const SRV: u16 = 33;
const TXT: u16 = 16;

/// A name as a packet has it, without compression.
fn wire(name: &[&str]) -> Vec<u8> {
    let labels = name.iter().flat_map(|label| {
        let len = u8::try_from(label.len()).expect("short");
        std::iter::once(len).chain(label.bytes())
    });
    labels.chain([0]).collect()
}

fn instance(label: &str) -> Vec<u8> {
    wire(&[label, "_jarvis-config", "_tcp", "local"])
}

fn kind() -> Vec<u8> {
    let mut kind = wire(&["_jarvis-config", "_tcp", "local"]);
    kind.pop();
    kind
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).expect("short").to_be_bytes();
    // With the bit that outdates other records, as jarvisd and most responders set it.
    [owner, &kind.to_be_bytes(), &[0x80, 1, 0, 0, 12, 128], &len, data].concat()
}

fn srv(port: u16, host: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0], &port.to_be_bytes()[..], host].concat()
}

/// A response with these records behind one answer, all in the last section but the first.
fn response(records: &[Vec<u8>]) -> Vec<u8> {
    let more = u16::try_from(records.len() - 1).expect("few").to_be_bytes();
    [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, more[0], more[1]], &records.concat()[..]].concat()
}

fn of(packet: &[u8]) -> Vec<(String, Vec<String>)> {
    let from = "192.0.2.10:5353".parse().expect("an address");
    let found = services::announced(packet, &kind(), from).into_iter();
    found
        .map(|one| (one.name.as_str().into(), one.addresses.iter().map(ToString::to_string).collect()))
        .collect()
}

/// What jarvisd says: all addresses of its machine, those of its containers first.
fn home() -> Vec<Vec<u8>> {
    let (name, host) = (instance("Jarvis (attic)"), wire(&["attic", "local"]));
    vec![
        record(&wire(&["_jarvis-config", "_tcp", "local"]), PTR, &name),
        record(&name, SRV, &srv(7700, &host)),
        record(&name, TXT, &[0]),
        record(&host, A, &[172, 17, 0, 1]),
        record(&host, A, &[127, 0, 0, 1]),
        record(&host, A, &[192, 0, 2, 10]),
        record(&wire(&["other", "local"]), A, &[6, 6, 6, 6]),
    ]
}

#[test]
fn announced_service_has_the_address_it_came_from_first() {
    let expected = [("Jarvis (attic)".into(), vec!["192.0.2.10:7700".into(), "172.17.0.1:7700".into()])];
    assert_eq!(of(&response(&home())), expected);
    let mut compressed = response(&home()[..1]);
    // The instance's name in the first record, and the host's in the second one's data.
    let name = [0xc0, u8::try_from(12 + kind().len() + 1 + 10).expect("short")];
    let host_at = compressed.len() + 2 + 10 + 6;
    compressed.extend(record(&name, SRV, &srv(7700, &wire(&["attic", "local"]))));
    compressed.extend(record(&[0xc0, u8::try_from(host_at).expect("short")], A, &[192, 0, 2, 10]));
    assert_eq!(of(&compressed), [("Jarvis (attic)".into(), vec!["192.0.2.10:7700".into()])]);
}

#[test]
fn service_of_another_type_or_taken_back_is_none() {
    let (host, address) =
        (wire(&["attic", "local"]), record(&wire(&["attic", "local"]), A, &[192, 0, 2, 10]));
    let other = wire(&["Jarvis", "_jarvis", "_tcp", "local"]);
    let mut gone = record(&instance("Jarvis"), SRV, &srv(7700, &host));
    let ttl = instance("Jarvis").len() + 4;
    gone[ttl..ttl + 4].fill(0);
    for srv in [record(&other, SRV, &srv(7700, &host)), gone, record(&instance("x"), A, &[192, 0, 2, 10])] {
        assert_eq!(of(&response(&[srv, address.clone()])), []);
    }
    let mut query = response(&home());
    query[2] = 0;
    assert_eq!(of(&query), [], "a query is no response");
}

#[test]
fn damaged_names_neither_loop_nor_grow() {
    let whole = response(&home());
    for len in 0..whole.len() {
        of(&whole[..len]);
    }
    for at in 12..whole.len() {
        for pointer in [[0xc0, 12], [0xc0, u8::try_from(at & 0xff).expect("a byte")], [0xff, 0xff]] {
            let mut bent = whole.clone();
            bent.splice(at..(at + 2).min(whole.len()), pointer);
            of(&bent);
        }
    }
    // A pointer to itself, two that point to each other, and a name that doubles at each step.
    for bytes in [&[0xc0, 0][..], &[0xc0, 2, 0xc0, 0], &[1, b'a', 0xc0, 0]] {
        assert_eq!(packet::name(bytes, bytes.len() - 2), None, "{bytes:x?}");
    }
    // Each part is a label and a pointer to the part before: a name of 64 bytes for each.
    let mut chain = [&[63][..], &[b'a'; 63], &[0]].concat();
    for parts in 2..6_usize {
        let before =
            u16::try_from(if parts == 2 { 0 } else { 65 + 66 * (parts - 3) }).expect("short") | 0xc000;
        let start = chain.len();
        chain.extend([&[63][..], &[b'a'; 63], &before.to_be_bytes()].concat());
        let len = packet::name(&chain, start).map(|name| name.len());
        assert_eq!(len, (parts < 4).then_some(parts * 64), "{parts} parts");
    }
}

/// Ten thousand forged answers: what is kept has a limit, and all that is said of a name is one entry.
#[test]
fn flood_of_announcements_stays_within_its_limits() {
    let many: Vec<_> = (0..200_u8)
        .flat_map(|n| {
            let host = wire(&[&format!("h{n}"), "local"]);
            let addresses = (0..20).map(|m| record(&wire(&[&format!("h{n}"), "local"]), A, &[192, 0, n, m]));
            std::iter::once(record(&instance(&format!("n{n}")), SRV, &srv(1, &host)))
                .chain(addresses.collect::<Vec<_>>())
        })
        .collect();
    let found = of(&response(&many));
    assert_eq!(found.len(), 8);
    assert!(found.iter().all(|(_, addresses)| addresses.len() == 8));
}

#[test]
fn services_are_found_by_one_query_for_unicast_answers() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            assert_eq!(asked(&buffer[..len]), (KIND.into(), PTR));
            assert_eq!(&buffer[len - 2..len], [0x80, 1], "by the top bit of the class");
            let mut second = home();
            second[1] = record(&instance("Jarvis (cellar)"), SRV, &srv(7700, &wire(&["attic", "local"])));
            for packet in [&[0xff; 300][..], &response(&home()), &response(&second), &response(&home())] {
                socket.send_to(packet, from).expect("sent");
            }
        }
    });
    let (_dir, names) = names_with_neighbours("", "", 1, port);
    let found = names.announced(KIND, Duration::from_millis(800)).expect("sockets");
    let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["Jarvis (attic)", "Jarvis (cellar)"]);
}
