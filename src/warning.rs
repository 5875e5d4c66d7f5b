//! Trouble that the node's verdict does not depend on. It is shown beside the outcome, and takes nothing else away.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

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
}
