//! Answers by name servers and by neighbours. The input's first line is the name asked for, the rest is the
//! packet.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jarvis_node::fuzzing::resolver::{addresses, announced, is_answer, is_truncated, question, usable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|b| *b == b'\n').unwrap_or(input.len());
    let name = std::str::from_utf8(&input[..end]).unwrap_or("auth.home");
    let packet = input.get(end + 1..).unwrap_or_default();
    let found = addresses(packet);
    assert_eq!(found, by_index(packet), "{packet:?}");
    for ip in found.iter().flatten() {
        if let Some(address) = usable(*ip, 0) {
            assert!(address.ip() == *ip && !ip.is_unspecified() && !ip.is_multicast());
        }
    }
    let _ = is_truncated(packet);
    let services = announced(packet);
    assert!(services.len() <= 8 && services.iter().all(|addresses| (1..=8).contains(&addresses.len())));
    assert!(services.iter().flatten().all(|address| !address.ip().is_loopback()));
    for (ipv6, neighbours) in [(false, false), (true, true)] {
        let Some(asked) = question(0x4a52, name, ipv6, neighbours) else {
            let label = |l: &str| !(1..=63).contains(&l.len());
            assert!(name.len() > 253 || !name.is_ascii() || name.split('.').any(label), "{name}");
            continue;
        };
        assert_eq!(asked.len(), 12 + name.len() + 2 + 4);
        if is_answer(0x4a52, name, ipv6, neighbours, packet) {
            assert!(packet.len() >= asked.len() && packet[..2] == *b"JR" && packet[2] & 0x80 != 0);
            assert!(packet[12..asked.len()].eq_ignore_ascii_case(&asked[12..]));
        }
        // A correct answer whose further records are these bytes.
        let mut answer = asked.clone();
        answer[2] |= 0x80;
        answer[6..8].copy_from_slice(&9_u16.to_be_bytes());
        let octets: [u8; 4] = std::array::from_fn(|i| packet.get(i).copied().unwrap_or(7));
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(octets);
        answer.extend(packet);
        assert!(is_answer(0x4a52, name, ipv6, neighbours, &answer));
        assert!(!is_answer(0x4a53, name, ipv6, neighbours, &answer), "an answer to another question");
        assert!(!is_answer(0x4a52, &format!("x{name}"), ipv6, neighbours, &answer));
        let found = addresses(&answer).expect("an answer");
        assert_eq!(found.first(), Some(&IpAddr::from(octets)));
        assert!(found.len() <= 9, "more than the packet says it has");
        assert_eq!(Some(found), by_index(&answer));
    }
});

/// An independent reader that indexes into the packet.
fn by_index(packet: &[u8]) -> Option<Vec<IpAddr>> {
    let number = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    if packet.len() < 12 || packet[3] & 15 > 3 || matches!(packet[3] & 15, 1 | 2) {
        return None;
    }
    let mut found = Vec::new();
    if packet[3] & 15 == 3 {
        return Some(found);
    }
    let after_name = |mut at: usize| loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            192.. => return (at + 2 <= packet.len()).then_some(at + 2),
            _ => return None,
        }
    };
    let mut at = 12;
    for _ in 0..number(4)? {
        match after_name(at).filter(|at| at + 4 <= packet.len()) {
            Some(after) => at = after + 4,
            None => return Some(found),
        }
    }
    for _ in 0..number(6)? {
        let record = after_name(at).and_then(|head| {
            let len = usize::from(number(head + 8)?);
            Some((number(head)?, number(head + 2)?, packet.get(head + 10..head + 10 + len)?, head + 10 + len))
        });
        let Some((kind, class, data, end)) = record else { break };
        match (class, kind, data.len()) {
            (1, 1, 4) => found.push(IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(data).expect("four")))),
            (1, 28, 16) => found.push(IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(data).expect("16")))),
            _ => {}
        }
        at = end;
    }
    Some(found)
}
