//! The bodies of short answers.

use std::io;
use std::io::Read;

use zeroize::Zeroizing;

/// In bytes. The documented answers have about 200, so a longer one is not one of them.
pub(super) const MAX_ANSWER: usize = 16 * 1024;
/// In bytes.
const USUAL_ANSWER: usize = 1024;

/// Reads to the end. A buffer that grows by itself leaves unwiped copies behind; one with room for the longest answer takes
/// longer to wipe than most answers to come.
pub(super) fn read_whole(mut body: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(USUAL_ANSWER));
    body.by_ref().take(USUAL_ANSWER as u64).read_to_end(&mut bytes)?;
    if bytes.len() == USUAL_ANSWER {
        let mut all = Zeroizing::new(Vec::with_capacity(MAX_ANSWER + 1));
        all.extend_from_slice(&bytes);
        body.read_to_end(&mut all)?;
        bytes = all;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_read_into_one_of_two_fixed_buffers() {
        let (usual, most) = (USUAL_ANSWER, MAX_ANSWER + 1);
        for (len, room) in [(0, usual), (usual - 1, usual), (usual, most), (MAX_ANSWER, most)] {
            let body = vec![b'x'; len];
            let read = read_whole(&body[..]).expect("read");
            assert_eq!((&read[..], read.capacity()), (&body[..], room));
        }
    }
}
