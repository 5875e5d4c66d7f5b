//! Look-ups by DNS.

use super::*;

#[test]
fn name_server_is_queried_for_a_and_aaaa() {
    const SIX: &[u8] = &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let port = name_server(|name, kind| match (name, kind) {
        // The data of a CNAME record is a name: its four bytes must not be taken for an address.
        ("auth.home", A) => Reply::Records(&[(CNAME, &[1, b'x', 0xc0, 17]), (A, &[192, 0, 2, 9])]),
        // An unassigned record type is skipped.
        ("auth.home", AAAA) => Reply::Records(&[(65_280, &[1, 2, 3, 4]), (AAAA, SIX)]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(found(&names, "auth.home"), [ip("2001:db8::9"), ip("192.0.2.9")]);
    assert_eq!(names.look_up("nobody.home", 1, SOON), Err(NameError::Unknown));
}

#[test]
fn name_with_many_addresses_yields_eight() {
    let port = name_server(|_, kind| if kind == A { Reply::Many(29) } else { Reply::Records(&[]) });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(found(&names, "crowd.home").len(), 8);
}

#[test]
fn short_name_is_tried_in_search_domains_first() {
    let port = name_server(|name, kind| match (name, kind) {
        ("auth.lan", A) => Reply::Records(&[(A, &[192, 0, 2, 3])]),
        ("auth.lan", _) => Reply::Records(&[]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "search home lan.\nnameserver 127.0.0.1\n", port);
    assert_eq!(found(&names, "auth"), [ip("192.0.2.3")]);
}

#[test]
fn failing_or_forging_name_server_is_passed_over() {
    let port = name_server(|name, kind| match (name, kind) {
        ("forged.home", _) => Reply::Forged,
        ("half.home", A) => Reply::Records(&[(A, &[192, 0, 2, 4])]),
        ("half.home", _) => Reply::Silence,
        ("unsure.home", A) => Reply::Records(&[]),
        _ => Reply::Code(15),
    });
    // Nothing listens at ::1, so the first name server fails.
    let (_dir, names) = names("", "nameserver ::1\nnameserver 127.0.0.1\n", port);
    assert_eq!(found(&names, "half.home"), [ip("192.0.2.4")]);
    let refused = NameError::Refused { server: ip("127.0.0.1"), code: 15 };
    assert_eq!(names.look_up("refused.home", 1, SOON), Err(refused));
    assert_eq!(names.look_up("unsure.home", 1, SOON), Err(refused));
    assert_eq!(names.look_up("forged.home", 1, Duration::from_secs(1)), Err(NameError::NoNameServer));
}

#[test]
fn name_server_given_by_a_name_is_reported() {
    let port = name_server(|name, _| Reply::Code(if name == "auth.home" { 3 } else { 2 }));
    let (_dir, by_name) = names("", "# router\nnameserver router.lan\n", 1);
    assert_eq!(by_name.look_up("auth.home", 1, SOON), Err(NameError::NoServerAddress(2)));
    assert!(by_name.complained.load(Ordering::Relaxed));
    let (_dir, both) = names("", "nameserver router.lan\nnameserver 127.0.0.1\n", port);
    assert_eq!(both.look_up("auth.home", 1, SOON), Err(NameError::Unknown));
    assert!(both.complained.load(Ordering::Relaxed));
}

#[test]
fn missing_name_server_falls_back_to_localhost() {
    let port = name_server(|_, _| Reply::Records(&[(A, &[192, 0, 2, 8])]));
    let (_dir, names) = names("", "", port);
    assert_eq!(found(&names, "auth.home")[0], ip("192.0.2.8"));
    let (_dir, names) = super::names("", "", 1);
    assert_eq!(names.look_up("auth.home", 1, SOON), Err(NameError::NoneConfigured));
    // A `.local` name is not queried there.
    assert_eq!(names.look_up("auth.local", 1, SOON), Err(NameError::NoNeighbour));
}

#[test]
fn truncated_answer_is_queried_again_over_tcp() {
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
fn unusable_addresses_are_dropped() {
    let port = name_server(|_, kind| match kind {
        A => Reply::Records(&[(A, &[224, 0, 0, 251])]),
        // fe80::1 without an interface.
        _ => Reply::Records(&[(AAAA, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])]),
    });
    let (_dir, names) = names("", "nameserver 127.0.0.1", port);
    assert_eq!(names.look_up("odd.home", 1, SOON), Err(NameError::Unknown));
    assert_eq!(usable(ip("fe80::1"), 7).map(|a| a.to_string()).as_deref(), Some("[fe80::1%7]:0"));
}

#[test]
fn unspecified_address_means_that_the_name_is_blocked() {
    let port = name_server(|name, kind| match (name, kind) {
        ("both.home" | "four.local", A) | ("half.home", A) => Reply::Records(&[(A, &[0, 0, 0, 0])]),
        ("both.home" | "six.home", AAAA) => Reply::Records(&[(AAAA, &[0; 16])]),
        ("half.home", _) => Reply::Code(2),
        ("real.home", A) => Reply::Records(&[(A, &[0, 0, 0, 0]), (A, &[192, 0, 2, 9])]),
        ("four.local" | "six.home" | "real.home", _) => Reply::Records(&[]),
        _ => Reply::Code(3),
    });
    let (_dir, names) = names("", "search lan\nnameserver 127.0.0.1", port);
    for host in ["both.home", "four.local", "half.home", "six.home"] {
        let why = NameError::Blocked(ip("127.0.0.1"));
        assert_eq!(names.look_up(host, 1, SOON), Err(why), "{host}");
    }
    assert_eq!(found(&names, "real.home"), [ip("192.0.2.9")]);
}
