//! The headers by which a node proves itself with its own credential.

use node_core::wire::{API_KEY_HEADER, NODE_ID_HEADER, NODE_KEY_HEADER};
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use crate::files::credential::Credential;

/// A header that is not shown.
pub(super) fn secret(name: &'static str, value: &[u8]) -> Option<(&'static str, HeaderValue)> {
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// For the command center, id and key as one text.
pub(super) fn api_key(credential: &Credential) -> Option<(&'static str, HeaderValue)> {
    let [id, key] = [credential.node_id.as_str(), credential.node_key.expose()];
    // A buffer that grows leaves unwiped copies of the key behind, so it gets its full size at once.
    let mut value = Zeroizing::new(Vec::with_capacity(id.len() + 1 + key.len()));
    for part in [id, ":", key] {
        value.extend_from_slice(part.as_bytes());
    }
    secret(API_KEY_HEADER, &value)
}

/// For the logs.
pub(super) fn id_and_key(credential: &Credential) -> Option<[(&'static str, HeaderValue); 2]> {
    let id = HeaderValue::from_bytes(credential.node_id.as_str().as_bytes()).ok()?;
    Some([(NODE_ID_HEADER, id), secret(NODE_KEY_HEADER, credential.node_key.expose().as_bytes())?])
}
