//! Apps: the programs that may call `/internal/*`.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use super::Now;
use crate::moment::{moment, moment_or_null};
use crate::secrets::{Sealed, new_key};

/// The apps by their ids.
#[derive(Default)]
pub(crate) struct Apps(BTreeMap<String, App>);

/// An app client. Serialises as the service lists it.
#[derive(Serialize)]
pub(crate) struct App {
    pub(crate) app_id: String,
    pub(crate) name: String,
    is_active: bool,
    #[serde(serialize_with = "moment")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(serialize_with = "moment_or_null")]
    pub(crate) last_rotated_at: Option<OffsetDateTime>,
    #[serde(skip)]
    pub(super) key: Sealed,
}

impl Apps {
    /// Adds an app with a given key.
    pub(crate) fn insert(&mut self, app_id: &str, name: &str, key: &str, now: Now) {
        let app = App {
            app_id: app_id.to_owned(),
            name: name.to_owned(),
            is_active: true,
            created_at: now.wall,
            last_rotated_at: None,
            key: Sealed::new(key),
        };
        self.0.insert(app_id.to_owned(), app);
    }

    /// Adds an app and returns its key, which is shown only once. None: the id is taken.
    pub(crate) fn create(&mut self, app_id: &str, name: &str, now: Now) -> Option<(String, &App)> {
        if self.0.contains_key(app_id) {
            return None;
        }
        let key = new_key();
        self.insert(app_id, name, &key, now);
        self.0.get(app_id).map(|app| (key, app))
    }

    /// An app that is not revoked.
    pub(super) fn active(&self, app_id: &str) -> Option<&App> {
        self.0.get(app_id).filter(|app| app.is_active)
    }

    /// Replaces an app's key and reactivates a revoked app (*documented*). None: unknown.
    pub(crate) fn rotate(&mut self, app_id: &str, now: Now) -> Option<String> {
        let app = self.0.get_mut(app_id)?;
        let key = new_key();
        app.key = Sealed::new(&key);
        app.last_rotated_at = Some(now.wall);
        app.is_active = true;
        Some(key)
    }

    /// Revokes an app's access. False: unknown.
    pub(crate) fn revoke(&mut self, app_id: &str) -> bool {
        self.0.get_mut(app_id).map(|app| app.is_active = false).is_some()
    }

    /// All apps, in the order of their ids.
    pub(crate) fn list(&self) -> Vec<&App> {
        self.0.values().collect()
    }
}
