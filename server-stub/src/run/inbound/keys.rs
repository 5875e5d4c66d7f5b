//! The issuer's keys: fetched on demand, by one call at a time.

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::cache::{KeyCache, Look};
use super::profile::Profile;
use super::settings::KeySource;
use crate::jwt::{KeySet, PublicKey};
use crate::run::outbound::{Outbound, request};

/// The time limit of a fetch, as in the published services.
const WITHIN: Duration = Duration::from_secs(5);
/// The longest set of keys, in bytes.
const MOST: usize = 256 * 1024;

pub(super) struct IssuerKeys {
    source: Option<KeySource>,
    outbound: Outbound,
    cache: Mutex<KeyCache>,
    /// Locked while keys are fetched. The value is the end of the last failed fetch: calls that waited for it
    /// do not try again.
    fetching: tokio::sync::Mutex<Option<Instant>>,
}

impl IssuerKeys {
    pub(super) fn new(source: Option<KeySource>, profile: Profile, outbound: Outbound) -> Self {
        let cache = KeyCache::new(profile.key_life(), profile.cool_down());
        Self { source, outbound, cache: Mutex::new(cache), fetching: tokio::sync::Mutex::default() }
    }

    /// The key of this name. None: it is unknown, or the keys could not be fetched.
    pub(super) async fn find(&self, kid: &str) -> Option<PublicKey> {
        let asked = Instant::now();
        match self.cache().look(kid, asked) {
            Look::Found(key) => return Some(key),
            Look::Unknown => return None,
            Look::Fetch => {}
        }
        let mut failed = self.fetching.lock().await;
        if failed.is_some_and(|failed| failed >= asked) {
            return None;
        }
        // Another call may have fetched them meanwhile.
        let now = Instant::now();
        let look = self.cache().look(kid, now);
        match look {
            Look::Found(key) => return Some(key),
            Look::Unknown => return None,
            Look::Fetch => self.cache().fetching(now),
        }
        let Some(keys) = self.fetch().await else {
            *failed = Some(Instant::now());
            return None;
        };
        let found = keys.find(kid).cloned();
        self.cache().fetched(keys, Instant::now());
        found
    }

    async fn fetch(&self) -> Option<KeySet> {
        let jwks_uri = match self.source.as_ref()? {
            KeySource::Jwks(url) => url.clone(),
            KeySource::Discovery(url) => {
                let document: Value = serde_json::from_slice(&self.read(url).await?).ok()?;
                document["jwks_uri"].as_str()?.to_owned()
            }
        };
        KeySet::from_json(&self.read(&jwks_uri).await?).ok()
    }

    async fn read(&self, url: &str) -> Option<Bytes> {
        let mut call = request(Method::GET, url, Body::empty()).ok()?;
        call.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.outbound.call_whole(call, WITHIN, MOST).await.ok()?;
        (answer.status() == StatusCode::OK).then(|| answer.into_body())
    }

    fn cache(&self) -> MutexGuard<'_, KeyCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
