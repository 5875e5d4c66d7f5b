//! What the server knows: households and their members, users and their sessions, nodes and their
//! grants, apps. In memory only, and without a clock: each change is told what time it is.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Instant;

use time::OffsetDateTime;

use crate::secrets::{Unhashable, new_key, new_uuid};

pub(crate) mod apps;
pub(crate) mod enrolment;
pub(crate) mod limits;
pub(crate) mod nodes;
pub(crate) mod sessions;
pub(crate) mod users;

/// The household every stub starts with.
pub(crate) const HOUSEHOLD: &str = "11111111-2222-4333-8444-555555555555";
/// The app every stub starts with.
pub(crate) const APP_ID: &str = "jarvis-node-agent";
const APP_NAME: &str = "Jarvis Node Agent";
/// The service the first node is granted.
pub(crate) const SERVICE_ID: &str = "command-center";

/// A moment, on both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    /// What is written into answers.
    pub(crate) wall: OffsetDateTime,
    /// What limits and lives are measured by, so that a stepped clock changes none.
    pub(crate) tick: Instant,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { wall: OffsetDateTime::now_utc(), tick: Instant::now() }
    }
}

/// Everything the server knows.
pub(crate) struct World {
    households: BTreeMap<String, Vec<i64>>,
    users: users::Users,
    sessions: sessions::Sessions,
    nodes: nodes::Nodes,
    apps: apps::Apps,
    limits: limits::Limits,
    tokens: enrolment::Tokens,
}

/// The node and app a stub starts with.
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
            tokens: enrolment::Tokens::default(),
        };
        // Nobody knows the password: the member is there to be named in verdicts.
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

    /// The app that shows this id and key, if it may call.
    pub(crate) fn app(&self, app_id: &str, key: &str) -> Result<Option<&apps::App>, Unhashable> {
        self.apps.calling(app_id, key)
    }

    /// Whether an app of this id may call at all.
    pub(crate) fn has_app(&self, app_id: &str) -> bool {
        self.apps.is_active(app_id)
    }

    /// The apps, to be changed by an administrator.
    pub(crate) fn apps(&mut self) -> &mut apps::Apps {
        &mut self.apps
    }

    /// Whether one more request of the limited kind may come from `peer` now.
    pub(crate) fn admits(&mut self, peer: IpAddr, now: Now) -> bool {
        self.limits.admits(peer, now.tick)
    }
}
