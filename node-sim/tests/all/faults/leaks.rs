//! Finds keys, and pieces of them, where they must not be.

use std::collections::HashSet;

use super::Complaints;
use test_support::rig::Rig;

/// This many bytes of a key in a row are not there by chance.
const PIECE: usize = 8;

/// Every piece of the node's and the app's key, as it is and as a hex dump shows it.
pub(super) struct Keys {
    plain: HashSet<Vec<u8>>,
    hex: HashSet<Vec<u8>>,
}

impl Keys {
    pub(super) fn of(rig: &Rig) -> Self {
        let keys = [rig.stub.node().1, rig.stub.app_key()];
        let plain: HashSet<Vec<u8>> =
            keys.iter().flat_map(|key| key.as_bytes().windows(PIECE)).map(<[u8]>::to_vec).collect();
        let dumped = |piece: &Vec<u8>| piece.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let hex = plain.iter().map(|piece| dumped(piece).into_bytes()).collect();
        Self { plain, hex }
    }

    /// A complaint if `bytes` hold a piece of a key. The complaint does not repeat it.
    pub(super) fn leaks(&self, what: &str, bytes: &[u8]) -> Complaints {
        let lower = bytes.to_ascii_lowercase();
        // A hex dump may put spaces between bytes.
        let joined: Vec<u8> = lower.iter().copied().filter(u8::is_ascii_hexdigit).collect();
        let plain = bytes.windows(PIECE).any(|window| self.plain.contains(window));
        let hex = joined.windows(2 * PIECE).any(|window| self.hex.contains(window));
        if plain || hex { vec![format!("{what} holds part of a key")] } else { Complaints::new() }
    }
}

#[test]
fn a_piece_of_a_key_is_found_however_it_is_written() {
    let rig = Rig::new();
    let keys = Keys::of(&rig);
    let piece = &rig.stub.node().1[20..28];
    let dump: Vec<String> = piece.bytes().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(keys.leaks("it", format!("sent '{piece}'").as_bytes()).len(), 1);
    assert_eq!(keys.leaks("it", dump.join(" ").as_bytes()).len(), 1);
    assert_eq!(keys.leaks("it", rig.stub.app_key().as_bytes()).len(), 1);
    assert!(keys.leaks("it", &piece.as_bytes()[1..]).is_empty());
}
