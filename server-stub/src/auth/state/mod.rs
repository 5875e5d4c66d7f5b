//! The data of the service: households and their members, users and their sessions, nodes and their grants,
//! apps. It is in memory only and has no clock: each change gets the time as an argument.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Instant;

use time::OffsetDateTime;

use crate::secrets::{Unhashable, new_key, new_uuid};

pub(crate) mod apps;
pub(crate) mod limits;
pub(crate) mod nodes;
pub(super) mod sessions;
pub(super) mod users;

/// The first household.
pub(crate) const HOUSEHOLD: &str = "11111111-2222-4333-8444-555555555555";
/// The first app.
pub(crate) const APP_ID: &str = "jarvis-node-agent";
const APP_NAME: &str = "Jarvis Node Agent";
/// The service that the first node is granted.
pub(crate) const SERVICE_ID: &str = "command-center";

/// A moment, on both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    /// The time in answers.
    pub(crate) wall: OffsetDateTime,
    /// The time for limits and lifetimes, which a change of the clock does not affect.
    pub(crate) tick: Instant,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { wall: OffsetDateTime::now_utc(), tick: Instant::now() }
    }
}

/// All data of the service.
pub(crate) struct World {
    households: BTreeMap<String, Vec<i64>>,
    users: users::Users,
    sessions: sessions::Sessions,
    nodes: nodes::Nodes,
    apps: apps::Apps,
    limits: limits::Limits,
}

/// The first node and the key of the first app.
pub(crate) struct First<'a> {
    pub(crate) node_id: &'a str,
    pub(crate) node_key: &'a str,
    pub(crate) app_key: &'a str,
}

impl World {
    /// A household with one member, its first node granted [`SERVICE_ID`], and one app.
    pub(crate) fn with(first: &First<'_>, now: Now) -> Self {
        let mut world = Self {
            households: BTreeMap::new(),
            users: users::Users::default(),
            sessions: sessions::Sessions::default(),
            nodes: nodes::Nodes::default(),
            apps: apps::Apps::default(),
            limits: limits::Limits::default(),
        };
        // The member only appears in verdicts. The password is random and not kept.
        let member = world.users.add("member@example.com", "member", &new_key(), HOUSEHOLD);
        world.households.insert(HOUSEHOLD.to_owned(), vec![member]);
        world.apps.insert(APP_ID, APP_NAME, first.app_key, now);
        let services = [SERVICE_ID.to_owned()];
        world.nodes.insert(
            nodes::NewNode {
                node_id: first.node_id,
                node_key: first.node_key,
                household_id: HOUSEHOLD,
                name: "Kitchen",
                registered_by: None,
                services: &services,
            },
            now,
        );
        world
    }

    /// A new household with one member.
    fn found_household(&mut self, member: i64) -> String {
        let id = new_uuid();
        self.households.insert(id.clone(), vec![member]);
        id
    }

    /// The app with this id and key, if it may call.
    pub(crate) fn app(&self, app_id: &str, key: &str) -> Result<Option<&apps::App>, Unhashable> {
        self.apps.calling(app_id, key)
    }

    /// Whether an app of this id exists and is active.
    pub(super) fn has_app(&self, app_id: &str) -> bool {
        self.apps.is_active(app_id)
    }

    /// The apps, for changes by an administrator.
    pub(crate) fn apps(&mut self) -> &mut apps::Apps {
        &mut self.apps
    }

    /// Whether the rate limit admits another request of `peer`.
    pub(super) fn admits(&mut self, peer: IpAddr, now: Now) -> bool {
        self.limits.admits(peer, now.tick)
    }
}
