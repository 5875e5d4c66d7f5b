//! Neighbours that answer every question with malformed packets.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::UdpSocket;

use super::house::{House, avahi};
use super::lan::Device;

/// Malformed answers to `question`, all with its id and most with the question repeated.
fn worst(question: &[u8]) -> Vec<Vec<u8>> {
    let mut head = question.to_vec();
    head[2] |= 0x80;
    let with = |flags: u8, answers: u16, tail: &[u8]| {
        let mut packet = head.clone();
        packet[3] = flags;
        packet[6..8].copy_from_slice(&answers.to_be_bytes());
        packet.extend(tail);
        packet
    };
    let address = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4];
    vec![
        head[..12].to_vec(),
        vec![0xff; 1400],
        // Names that point at themselves, forward, and out of the packet.
        with(0, 1, &[0xc0, 12, 0, 1]),
        with(0, 0xffff, &[0xc0, u8::try_from(head.len()).unwrap_or(u8::MAX), 0, 1, 0, 1]),
        with(0, 9, &[&[0xff, 0xff][..], &address, &[0, 0, 0, 0]].concat()),
        // Labels without end, and of an unknown kind.
        with(0, 1, &[63; 1200]),
        with(0, 1, &[0x80; 1200]),
        // Lengths beyond the packet.
        with(0, 1, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff, 1, 2, 3, 4]),
        // No such name, failures, and cut off before it began.
        with(3, 0, &[]),
        with(2, 0, &[]),
        {
            let mut cut = with(0, 0, &[]);
            cut[2] |= 2;
            cut
        },
        // The unspecified address, a multicast address, and more records than fit.
        with(0, 1, &[&[0xc0, 12][..], &address, &[0, 0, 0, 0]].concat()),
        with(0, 1, &[&[0xc0, 12][..], &address, &[224, 0, 0, 251]].concat()),
        with(0, 0xffff, &[&[0xc0, 12][..], &address, &[0, 0, 0, 0]].concat().repeat(80)),
    ]
}

/// Answers every question at `port` a hundred times over.
fn answer_badly(device: &Device, port: u16) {
    device.thread(move || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        if port == 5353 {
            socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::new(10, 7, 0, 3)).unwrap();
        }
        let mut buffer = [0; 1500];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            flood(&socket, &buffer[..len], from);
        }
    });
}

fn flood(socket: &UdpSocket, question: &[u8], from: SocketAddr) {
    // Answers of others are not answered.
    if question.len() < 17 || question[2] & 0x80 != 0 {
        return;
    }
    let worst = worst(question);
    for _ in 0..100 {
        for packet in &worst {
            let _ = socket.send_to(packet, from);
        }
    }
}

#[test]
#[ignore = "needs root, network namespaces and avahi-daemon"]
fn flooding_neighbour_does_not_hide_the_right_answer() {
    let house = House::new();
    let _avahi = avahi(&house.server, "auth", "");
    answer_badly(&house.lan.plug_in(&["10.7.0.3/24"]), 5353);
    for _ in 0..5 {
        house.finds("auth.local");
    }
}

#[test]
#[ignore = "needs root and network namespaces"]
fn flooding_neighbour_takes_no_longer_than_a_silent_one() {
    let house = House::new();
    let hostile = house.lan.plug_in(&["10.7.0.3/24"]);
    answer_badly(&hostile, 5353);
    let took = house.misses("auth.local", "no device on this network answers to that name");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
#[ignore = "needs root and network namespaces"]
fn flooding_name_server_counts_as_failed() {
    let house = House::new();
    let hostile = house.lan.plug_in(&["10.7.0.3/24"]);
    answer_badly(&hostile, 53);
    house.node.write("resolv.conf", "nameserver 10.7.0.3\n");
    let took = house.misses("auth.home", "no address can be found");
    assert!(took < Duration::from_secs(25), "{took:?}");
}
