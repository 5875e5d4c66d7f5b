//! A minimal gzip file (RFC 1952), without compression.

/// `bytes` as a gzip file, in one stored block (RFC 1951, section 3.2.4), so at most 65535 of them.
pub(super) fn stored(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    // Magic, deflate, no flags, no time, no extra flags, unknown system; then the last block, stored.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    out.extend_from_slice(&u32::from(length).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_everybody_uses() {
        // The check value of CRC-32/ISO-HDLC in catalogues of CRCs.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_file_names_its_length_twice() {
        let file = stored(b"abc");
        assert_eq!(file[..3], [0x1f, 0x8b, 8]);
        assert_eq!(file[11..18], [3, 0, 0xfc, 0xff, b'a', b'b', b'c']);
        assert_eq!(file[22..], [3, 0, 0, 0]);
    }
}
