//! The data of the service: households and their members, users and their sessions, nodes and their grants,
//! apps. It is in memory only and has no clock: each change gets the time as an argument.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Instant;

use time::OffsetDateTime;

use crate::home::Home;
use crate::secrets::{Sealed, Unhashable, new_uuid};

pub(crate) mod apps;
pub(crate) mod limits;
pub(crate) mod nodes;
pub(super) mod sessions;
pub(super) mod users;

/// The first household.
pub(crate) const HOUSEHOLD: &str = "11111111-2222-4333-8444-555555555555";
/// The e-mail address of the first member.
pub(crate) const MEMBER: &str = "member@example.com";
/// The first app.
pub(crate) const APP_ID: &str = "jarvis-node-agent";
const APP_NAME: &str = "Jarvis Node Agent";
/// The service id of the command center, and its app id.
pub(crate) const COMMAND_CENTER: &str = "jarvis-command-center";
/// The service id of the logs, and their app id.
pub(crate) const LOGS: &str = "jarvis-logs";

/// The services that the first node is granted: those that a command center grants. In the recordings of the
/// Python service the id is `command-center`, so its first node has both.
pub(crate) fn first_grants(home: Home) -> Vec<String> {
    let recorded: &[&str] = match home {
        Home::Python => &["command-center"],
        Home::Jarvisd => &[],
    };
    [recorded, &[COMMAND_CENTER, LOGS]].concat().into_iter().map(str::to_owned).collect()
}

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
    home: Home,
    households: BTreeMap<String, Household>,
    users: users::Users,
    sessions: sessions::Sessions,
    nodes: nodes::Nodes,
    apps: apps::Apps,
    limits: limits::Limits,
}

/// A household. Its members are users.
pub(crate) struct Household {
    pub(crate) name: String,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) members: Vec<i64>,
}

/// The first node, the key of the first app, and the password of the first member.
pub(crate) struct First<'a> {
    pub(crate) node_id: &'a str,
    pub(crate) node_key: &'a str,
    pub(crate) app_key: &'a str,
    pub(crate) member_password: &'a str,
}

impl Household {
    /// *Documented*: the name of a first household.
    fn of(member: i64, now: Now) -> Self {
        Self { name: "My Home".to_owned(), created_at: now.wall, members: vec![member] }
    }
}

impl World {
    /// A household with one member, its first node with [`first_grants`], and one app.
    pub(crate) fn with(home: Home, first: &First<'_>, now: Now) -> Self {
        let mut world = Self {
            home,
            households: BTreeMap::new(),
            users: users::Users::default(),
            sessions: sessions::Sessions::default(),
            nodes: nodes::Nodes::default(),
            apps: apps::Apps::default(),
            limits: limits::Limits::default(),
        };
        let member = world.users.add(MEMBER, "member", first.member_password, HOUSEHOLD);
        world.households.insert(HOUSEHOLD.to_owned(), Household::of(member, now));
        world.apps.insert(APP_ID, APP_NAME, first.app_key, now);
        let services = first_grants(home);
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
    fn found_household(&mut self, member: i64, now: Now) -> String {
        let id = new_uuid();
        self.households.insert(id.clone(), Household::of(member, now));
        id
    }

    /// A further household of the first one's members.
    pub(crate) fn add_household(&mut self, name: &str, now: Now) -> String {
        let members = self.households.get(HOUSEHOLD).map(|first| first.members.clone()).unwrap_or_default();
        let id = new_uuid();
        let household = Household { name: name.to_owned(), created_at: now.wall, members };
        self.households.insert(id.clone(), household);
        id
    }

    /// The households of a user, with their ids.
    pub(crate) fn households_of(&self, user: i64) -> impl Iterator<Item = (&String, &Household)> {
        self.households.iter().filter(move |(_, household)| household.members.contains(&user))
    }

    /// The app with this id and key, if it may call.
    pub(crate) fn app(&self, app_id: &str, key: &str) -> Result<Option<&apps::App>, Unhashable> {
        let Some(app) = self.apps.active(app_id) else { return Ok(None) };
        Ok(self.matches(&app.key, key)?.then_some(app))
    }

    /// Whether an offered secret is the sealed one. Python's password library raises an exception for some.
    fn matches(&self, sealed: &Sealed, offered: &str) -> Result<bool, Unhashable> {
        match self.home {
            Home::Python => sealed.matches(offered),
            Home::Jarvisd => Ok(sealed.matches_any(offered)),
        }
    }

    /// Whether an app of this id exists and is active.
    pub(super) fn has_app(&self, app_id: &str) -> bool {
        self.apps.active(app_id).is_some()
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
