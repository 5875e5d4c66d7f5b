//! The node's secret files: the app key, and the stamp that tells whether one of them was replaced.

use std::path::Path;

use node_core::credential::ValueError;
use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use crate::error::SetupError;
use crate::files::secret_file::Stamp;
use crate::files::{secret_file, secret_line};

/// Changes when the credential or the app key file is replaced; tells nothing about what they hold.
///
/// It is kept in the status file across restarts of the program, by which time another version may run. So it is
/// defined by bytes, unlike the standard library's hashes: the first 8 bytes, big-endian, of the SHA-256 of the
/// credential's stamp, followed by that of the app key if there is one.
pub(super) fn secrets_stamp(credential: &Stamp, app_key: Option<&Stamp>) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(&credential.to_bytes());
    if let Some(app_key) = app_key {
        context.update(&app_key.to_bytes());
    }
    let digest = context.finish();
    digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The app key in the file at `path`. It is wiped when dropped.
///
/// # Errors
/// When the file cannot be read, or does not hold 1 to 512 visible ASCII characters.
pub(crate) fn load_app_key(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Stamp), SetupError> {
    let (file, stamp) = secret_file::read_text("app key file", path)?;
    let wrong = |why| SetupError::Value { path: path.into(), key: "app key", why };
    let key = Zeroizing::new(secret_line::parse(&file).map_err(wrong)?.as_bytes().to_vec());
    if key.len() > 512 {
        return Err(wrong(ValueError::TooLong(512)));
    }
    // It is sent in a header.
    if !key.iter().all(u8::is_ascii_graphic) {
        return Err(wrong(ValueError::Forbidden("a character that is not visible ASCII")));
    }
    Ok((key, stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stamp_is_the_same_in_every_release() {
        let stamp = |first| Stamp::from_fields(first, 2, 3, 4, 5);
        let (one, other) = (stamp(1), stamp(9));
        assert_eq!(secrets_stamp(&one, None), 0xea0d_7246_ca83_46f6);
        assert_eq!(secrets_stamp(&one, Some(&other)), 0x49d2_e0b9_890e_b2be);
        assert_ne!(secrets_stamp(&other, Some(&one)), secrets_stamp(&one, Some(&other)));
    }
}
