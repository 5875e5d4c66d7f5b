//! The parser, with valid and damaged answers.

use proptest::prelude::*;

use super::super::packet;
use super::*;

fn question() -> Question {
    Question::new(7, "auth.home", Kind::A).expect("a sound name")
}

#[test]
fn answer_must_match_id_and_question() {
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

/// Names that make a parser panic, hang or grow if it follows pointers.
#[test]
fn malformed_names_are_skipped() {
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
    fn arbitrary_packet_does_not_panic(packet in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = question().is_answered_by(&packet);
        let _ = packet::addresses(&packet);
    }

    #[test]
    fn damaged_answer_yields_no_extra_addresses(
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
