//! What a Python service remembers of the auth service's answers, so that not every call asks again.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::asking::Asked;
use super::state::Now;
use crate::secrets::fingerprint;

/// How long an answer is remembered [deps].
const REMEMBERED: Duration = Duration::from_secs(60);

/// The answers, by the fingerprint of the credential that was asked about.
#[derive(Default)]
pub(crate) struct Verdicts(Mutex<HashMap<[u8; 32], (Asked, Instant)>>);

impl Verdicts {
    /// The answer about this credential within the last minute.
    pub(crate) fn get(&self, credential: &str, now: Now) -> Option<Asked> {
        let all = self.all();
        let (asked, at) = all.get(&fingerprint(credential))?;
        is_fresh(*at, now).then(|| asked.clone())
    }

    pub(crate) fn put(&self, credential: &str, asked: Asked, now: Now) {
        let mut all = self.all();
        all.retain(|_, (_, at)| is_fresh(*at, now));
        all.insert(fingerprint(credential), (asked, now.tick));
    }

    /// Forgets all, as a restart of the service does.
    pub(crate) fn clear(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Asked, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: Instant, now: Now) -> bool {
    now.tick.saturating_duration_since(at) < REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_is_remembered_for_a_minute() {
        let (verdicts, now) = (Verdicts::default(), Now::read());
        let after = |secs| Now { tick: now.tick + Duration::from_secs(secs), ..now };
        let outage = Asked::Outage("Auth service error: 500".to_owned());
        verdicts.put("kitchen-pi:key", outage.clone(), now);
        assert_eq!(verdicts.get("kitchen-pi:key", after(59)), Some(outage));
        assert_eq!(verdicts.get("kitchen-pi:other", now), None);
        assert_eq!(verdicts.get("kitchen-pi:key", after(60)), None);
    }
}
