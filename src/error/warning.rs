//! Warnings: what the node's verdict does not depend on.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::system::own;

/// One part of the program that does not work, or not as configured. Holds no secret. The codes are listed in
/// docs/commands.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The part, for programs.
    pub code: Cow<'static, str>,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What a person can do about it, as sentences.
    pub fix: String,
}

impl Warning {
    /// A warning about the part `code`.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), fix: fix.into() }
    }

    /// The warning that a file of this program's own, the value of `key`, cannot be written: for this reason, with this
    /// effect.
    #[must_use]
    pub fn unwritable(code: &'static str, key: &str, path: &Path, effect: &str, why: &io::Error) -> Self {
        let message = format!("{} cannot be written, so {effect}: {why}", path.display());
        Self::new(code, message, own::fix_writing(why, path, key))
    }
}
