//! What one check has found.

use std::path::PathBuf;

use node_core::trouble::Trouble;
use serde::Serialize;

use crate::error::Warning;

/// How a check ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// All is well, or there is nothing to check.
    Pass,
    /// Something to know, which the node works with.
    Warn,
    /// Something to fix.
    Fail,
    /// Another check has to pass first.
    Skipped,
}

/// What one check has found.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// The check's name.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// A sentence, without its full stop.
    pub(super) says: String,
    /// What a person can do about it: a command or sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
    /// The check that has to pass first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits_for: Option<&'static str>,
    /// The part of the fix that does no harm, whatever the person wants.
    #[serde(skip)]
    pub(super) safe: Option<Safe>,
}

/// A fix that `--fix` makes by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Safe {
    /// This command of Debian's systemd, with words that are all known here.
    Run(&'static [&'static str]),
    /// A file of the node's own gets this owner, unless it is root's, and this mode.
    Own { file: PathBuf, owner: Option<u32>, mode: u32 },
}

impl Finding {
    fn new(verdict: Verdict, says: impl Into<String>, fix: Option<String>) -> Self {
        Self { check: "", verdict, says: says.into(), fix, waits_for: None, safe: None }
    }

    pub(super) fn pass(says: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, says, None)
    }

    pub(super) fn warn(says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, says, Some(fix.into()))
    }

    pub(super) fn fail(says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, says, Some(fix.into()))
    }

    pub(super) fn failed(Trouble { reason, fix, .. }: &Trouble) -> Self {
        Self::fail(reason.as_str(), fix.as_str())
    }

    pub(super) fn warned(Warning { message, fix, .. }: &Warning) -> Self {
        Self::warn(message, fix)
    }

    /// It waits for the check of this name.
    pub(super) fn skipped(waits_for: &'static str) -> Self {
        let says = format!("not checked: \"{waits_for}\" has to pass first");
        Self { waits_for: Some(waits_for), ..Self::new(Verdict::Skipped, says, None) }
    }

    pub(super) fn safely(self, safe: Safe) -> Self {
        Self { safe: Some(safe), ..self }
    }

    /// This one, and what `other` adds to it. Verdict and fix are those of the first that does not pass.
    pub(super) fn and(self, other: Self) -> Self {
        let says = format!("{}; {}", self.says, other.says);
        let judged = if self.verdict == Verdict::Pass { other } else { self };
        Self { says, ..judged }
    }

    /// Worse than a warning.
    pub(super) fn into_failure(self) -> Self {
        Self { verdict: Verdict::Fail, ..self }
    }

    /// The check that those have to wait for that need this one.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        match self.verdict {
            Verdict::Fail => Some(self.check),
            Verdict::Skipped => self.waits_for,
            Verdict::Pass | Verdict::Warn => None,
        }
    }

    pub(super) fn in_words(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Pass => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
            Verdict::Skipped => "skip",
        };
        let stop = if self.says.ends_with('.') { "" } else { "." };
        let fix = self.fix.as_ref().map_or(String::new(), |fix| format!("{stop} Fix: {fix}"));
        format!("{verdict} {:<13} {}{fix}", self.check, self.says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_one_are_judged_by_the_first_that_does_not_pass() {
        let made = |one: Finding, other| {
            let Finding { verdict, says, fix, .. } = one.and(other);
            (verdict, says, fix)
        };
        let (pass, warn) = (|| Finding::pass("a"), |says| Finding::warn(says, format!("mend {says}")));
        let told =
            |verdict, says: &str, fix: Option<&str>| (verdict, says.to_owned(), fix.map(str::to_owned));
        assert_eq!(made(pass(), pass()), told(Verdict::Pass, "a; a", None));
        assert_eq!(made(pass(), warn("b")), told(Verdict::Warn, "a; b", Some("mend b")));
        assert_eq!(made(warn("b"), pass()), told(Verdict::Warn, "b; a", Some("mend b")));
        assert_eq!(made(warn("b"), warn("c")), told(Verdict::Warn, "b; c", Some("mend b")));
    }
}
