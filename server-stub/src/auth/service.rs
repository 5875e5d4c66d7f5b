//! The state of the auth service: its data, tokens, load and counters.

use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request;

use crate::auth::load::{Load, Turn};
use crate::auth::settings::Settings;
use crate::auth::state::World;
use crate::auth::tokens::Tokens;
use crate::home::Home;
use crate::server::control::Admin;

/// The state that all requests share.
pub(crate) struct Service {
    pub(crate) home: Home,
    world: Mutex<World>,
    pub(crate) tokens: Tokens,
    /// Life of a refresh token.
    pub(crate) refresh_life: Duration,
    /// None: nobody is an administrator.
    pub(crate) admin: Option<Admin>,
    pub(crate) load: Load,
    validations: AtomicU64,
}

impl Service {
    pub(crate) fn new(
        home: Home,
        world: World,
        settings: &Settings,
        admin: Option<Admin>,
        load: Load,
    ) -> Self {
        Self {
            home,
            world: Mutex::new(world),
            tokens: Tokens::new(settings),
            refresh_life: Duration::from_secs(u64::from(settings.refresh_token_days) * 86_400),
            admin,
            load,
            validations: AtomicU64::new(0),
        }
    }

    /// The data, locked. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // After a panic of a handler at worst half a change is left; other requests can go on.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answer to a validation request.
    pub(super) fn count_validation(&self) {
        self.validations.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers to validation requests so far.
    pub(crate) fn validations(&self) -> u64 {
        self.validations.load(Ordering::Relaxed)
    }
}

impl FromRequestParts<Arc<Service>> for Turn {
    type Rejection = Infallible;

    async fn from_request_parts(
        head: &mut request::Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Infallible> {
        Ok(service.load.turn(head.extensions.get().cloned().unwrap_or_default()))
    }
}
