//! Used assertions: each is accepted once.

use std::collections::HashMap;

/// The expiry of each used assertion by client and `jti`, in seconds since 1970.
#[derive(Default)]
pub(super) struct UsedAssertions(HashMap<(String, String), f64>);

impl UsedAssertions {
    /// Records an assertion that is valid until `expiry`. False: it has been used before.
    pub(super) fn first_use(&mut self, client_id: &str, jti: &str, expiry: f64, now: f64) -> bool {
        // Expired assertions are refused anyway.
        self.0.retain(|_, expiry| *expiry > now);
        self.0.insert((client_id.to_owned(), jti.to_owned()), expiry).is_none()
    }
}
