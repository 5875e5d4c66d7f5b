//! Users and their passwords.

use core::net::IpAddr;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{Now, World};
use crate::secrets::{Sealed, Unhashable};

/// The users by their ids, counted from 1.
#[derive(Default)]
pub(crate) struct Users(BTreeMap<i64, User>);

/// A user. Serialises as the service shows one.
#[derive(Serialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) username: String,
    pub(crate) is_superuser: bool,
    pub(crate) must_change_password: bool,
    #[serde(skip)]
    pub(crate) household_id: String,
    #[serde(skip)]
    password: Sealed,
}

/// The reason why a login failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoLogin {
    Wrong,
    LockedOut,
    Unhashable,
}

impl From<Unhashable> for NoLogin {
    fn from(_: Unhashable) -> Self {
        Self::Unhashable
    }
}

impl Users {
    pub(super) fn add(&mut self, email: &str, username: &str, password: &str, household_id: &str) -> i64 {
        let id = self.0.last_key_value().map_or(1, |(last, _)| last + 1);
        let user = User {
            id,
            email: email.to_owned(),
            username: username.to_owned(),
            is_superuser: false,
            must_change_password: false,
            household_id: household_id.to_owned(),
            password: Sealed::new(password),
        };
        self.0.insert(id, user);
        id
    }

    fn by_email(&self, email: &str) -> Option<&User> {
        self.0.values().find(|user| user.email == email)
    }
}

impl World {
    /// A user by its id.
    pub(crate) fn user(&self, id: i64) -> Option<&User> {
        self.users.0.get(&id)
    }

    /// Adds a user with a new household. None: the address is taken.
    pub(crate) fn register_user(
        &mut self,
        email: &str,
        username: &str,
        password: &str,
        now: Now,
    ) -> Option<&User> {
        if self.users.by_email(email).is_some() {
            return None;
        }
        let id = self.users.add(email, username, password, "");
        let household_id = self.found_household(id, now);
        let user = self.users.0.get_mut(&id)?;
        user.household_id = household_id;
        Some(user)
    }

    /// The user with this `email` and `password`.
    pub(crate) fn log_in(
        &mut self,
        email: &str,
        password: &str,
        peer: IpAddr,
        now: Now,
    ) -> Result<&User, NoLogin> {
        if self.limits.locked(email, peer, now.tick) {
            return Err(NoLogin::LockedOut);
        }
        let found = self.users.by_email(email);
        let matches = found.map_or(Ok(false), |user| self.matches(&user.password, password))?;
        match found {
            Some(user) if matches => {
                self.limits.succeeded(email, peer);
                Ok(user)
            }
            Some(_) | None => {
                self.limits.failed(email, peer, now.tick);
                Err(NoLogin::Wrong)
            }
        }
    }
}
