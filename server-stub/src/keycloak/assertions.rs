//! Assertions that have been used: each is good once.

use std::collections::HashMap;

/// Who asserted what, by client and `jti`, and until when that would be good, in seconds since 1970.
#[derive(Default)]
pub(super) struct UsedAssertions(HashMap<(String, String), f64>);

impl UsedAssertions {
    /// Takes note of an assertion that is good until `expiry`. False: it has been used before.
    pub(super) fn first_use(&mut self, client_id: &str, jti: &str, expiry: f64, now: f64) -> bool {
        // What has expired is refused for that.
        self.0.retain(|_, expiry| *expiry > now);
        self.0.insert((client_id.to_owned(), jti.to_owned()), expiry).is_none()
    }
}
