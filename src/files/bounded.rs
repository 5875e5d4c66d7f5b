//! Text from files that people write, and what is said when it is none.

use std::path::Path;

use node_core::plain;

use crate::error::SetupError;
pub(crate) use crate::system::bounded::{MAX_CERTIFICATES, MAX_TEXT, open, read};

/// Reads the UTF-8 text of the file at `path`, which is the `what`.
///
/// # Errors
/// Those of [`read`], and when it is empty or of another encoding.
pub(crate) fn read_text(what: &'static str, path: &Path) -> Result<String, SetupError> {
    let bytes = read(path, MAX_TEXT).map_err(|why| SetupError::reading(what, path, why))?;
    match plain::text(&bytes) {
        Ok(text) => Ok(text.into()),
        Err(why) => Err(SetupError::Text { what, path: path.into(), why }),
    }
}
