//! Look-ups by multicast DNS.

use super::*;

#[test]
fn local_names_are_queried_by_mdns_before_dns() {
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
    assert_eq!(names.look_up("nobody.local", 1, SOON), Err(NameError::NoNeighbour));
}

#[test]
fn mdns_answer_from_other_port_is_ignored() {
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
fn mdns_uses_interfaces_that_are_up_and_multicast() {
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

#[test]
fn each_way_to_a_name_has_a_patience_of_its_own() {
    let dns = name_server(|_, kind| match kind {
        A => Reply::Records(&[(A, &[192, 0, 2, 1])]),
        _ => Reply::Records(&[]),
    });
    let neighbour = name_server(|_, _| Reply::Silence);
    let (_dir, names) = names_with_neighbours("", "nameserver 127.0.0.1", dns, neighbour);
    let ways = names.ways("auth.local", Duration::from_secs(1));
    let found: Vec<_> =
        ways.iter().map(|(way, found)| (*way, found.iter().map(SocketAddr::ip).collect())).collect();
    assert_eq!(found, [("/etc/hosts", vec![]), ("mDNS", vec![]), ("DNS", vec![ip("192.0.2.1")])]);
}
