//! The service behind the paths: the world, and the secrets that open its doors.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::control::Admin;
use crate::load::Load;
use crate::options::Settings;
use crate::state::World;
use crate::tokens::Tokens;

/// What all requests share.
pub(crate) struct Service {
    world: Mutex<World>,
    pub(crate) tokens: Tokens,
    /// Life of a refresh token.
    pub(crate) refresh_life: Duration,
    pub(crate) admin: Admin,
    pub(crate) load: Load,
    validations: AtomicU64,
    heartbeats: AtomicU64,
}

impl Service {
    pub(crate) fn new(world: World, settings: &Settings, admin: Admin, load: Load) -> Self {
        Self {
            world: Mutex::new(world),
            tokens: Tokens::new(settings),
            refresh_life: Duration::from_secs(u64::from(settings.refresh_token_days) * 86_400),
            admin,
            load,
            validations: AtomicU64::new(0),
            heartbeats: AtomicU64::new(0),
        }
    }

    /// The world, for as long as a request looks at it. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A handler that panicked left at worst half a change; other requests can go on.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answer to a validation request.
    pub(crate) fn count_validation(&self) {
        self.validations.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer to a heartbeat.
    pub(crate) fn count_heartbeat(&self) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers to heartbeats so far.
    pub(crate) fn heartbeats(&self) -> u64 {
        self.heartbeats.load(Ordering::Relaxed)
    }

    /// Answers to validation requests so far.
    pub(crate) fn validations(&self) -> u64 {
        self.validations.load(Ordering::Relaxed)
    }
}
