//! Nodes, their keys and grants.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use super::{HOUSEHOLD, Now, World, first_grants};
use crate::home::Home;
use crate::moment::{moment, moment_or_null};
use crate::secrets::{Sealed, Unhashable, new_key};

/// The nodes by their ids.
#[derive(Default)]
pub(crate) struct Nodes(BTreeMap<String, Node>);

/// A node. Serialises as `GET /admin/nodes/{id}` shows it.
#[derive(Serialize)]
pub(crate) struct Node {
    pub(crate) node_id: String,
    pub(crate) name: String,
    pub(crate) household_id: String,
    pub(crate) registered_by_user_id: Option<i64>,
    pub(crate) is_active: bool,
    #[serde(serialize_with = "moment")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(serialize_with = "moment")]
    pub(crate) updated_at: OffsetDateTime,
    #[serde(serialize_with = "moment_or_null")]
    pub(crate) last_rotated_at: Option<OffsetDateTime>,
    pub(crate) services: Vec<Grant>,
    #[serde(skip)]
    key: Sealed,
}

/// A service a node may use.
#[derive(Serialize)]
pub(crate) struct Grant {
    pub(crate) service_id: String,
    #[serde(serialize_with = "moment")]
    pub(crate) granted_at: OffsetDateTime,
    /// Null in every recorded answer.
    granted_by: Option<i64>,
}

/// The properties of a new node.
pub(crate) struct NewNode<'a> {
    pub(crate) node_id: &'a str,
    pub(crate) node_key: &'a str,
    pub(crate) household_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) registered_by: Option<i64>,
    pub(crate) services: &'a [String],
}

/// The reason why a node was not registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotRegistered {
    Exists,
    NoHousehold,
}

/// The reason why a service was not granted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotGranted {
    NoNode,
    Already,
}

/// The service's verdict on a node's credential.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid { household_id: String, members: Vec<i64> },
    NotFound,
    Inactive,
    WrongKey,
    NotGranted,
}

impl Verdict {
    /// Whether the key was checked.
    pub(crate) const fn took_a_check(&self) -> bool {
        match self {
            Self::Valid { .. } | Self::WrongKey | Self::NotGranted => true,
            Self::NotFound | Self::Inactive => false,
        }
    }

    /// Whether the key is the node's.
    pub(crate) const fn proves_the_key(&self) -> bool {
        match self {
            Self::Valid { .. } | Self::NotGranted => true,
            Self::NotFound | Self::Inactive | Self::WrongKey => false,
        }
    }

    /// The household of a node that is valid.
    pub(crate) fn household(self) -> Option<String> {
        match self {
            Self::Valid { household_id, .. } => Some(household_id),
            Self::NotFound | Self::Inactive | Self::WrongKey | Self::NotGranted => None,
        }
    }

    /// The reason of a rejection, in the service's words. None: the credential is valid.
    pub(crate) fn reason(&self, service: &str) -> Option<String> {
        match self {
            Self::Valid { .. } => None,
            Self::NotFound => Some("Node not found".into()),
            Self::Inactive => Some("Node is inactive".into()),
            Self::WrongKey => Some("Invalid node credentials".into()),
            Self::NotGranted => Some(format!("Node is not authorized to access service '{service}'")),
        }
    }
}

impl Nodes {
    pub(super) fn insert(&mut self, new: NewNode<'_>, now: Now) {
        let grant =
            |service: &String| Grant { service_id: service.clone(), granted_at: now.wall, granted_by: None };
        let mut services: Vec<Grant> = Vec::new();
        for service in new.services {
            if services.iter().all(|grant| grant.service_id != *service) {
                services.push(grant(service));
            }
        }
        let node = Node {
            node_id: new.node_id.to_owned(),
            name: new.name.to_owned(),
            household_id: new.household_id.to_owned(),
            registered_by_user_id: new.registered_by,
            is_active: true,
            created_at: now.wall,
            updated_at: now.wall,
            last_rotated_at: None,
            services,
            key: Sealed::new(new.node_key),
        };
        self.0.insert(node.node_id.clone(), node);
    }
}

impl World {
    /// Checks a node's credential, in the service's order: the key of an unknown or inactive node is not
    /// checked.
    pub(crate) fn validate(
        &self,
        node_id: &str,
        node_key: &str,
        service: &str,
    ) -> Result<Verdict, Unhashable> {
        // Python's database refuses a NUL, and the node is looked up first.
        let unstorable = |text: &str| self.home == Home::Python && text.contains('\0');
        if unstorable(node_id) {
            return Err(Unhashable);
        }
        let Some(node) = self.nodes.0.get(node_id) else { return Ok(Verdict::NotFound) };
        if !node.is_active {
            return Ok(Verdict::Inactive);
        }
        if !self.matches(&node.key, node_key)? {
            return Ok(Verdict::WrongKey);
        }
        if unstorable(service) {
            return Err(Unhashable);
        }
        if node.services.iter().all(|grant| grant.service_id != service) {
            return Ok(Verdict::NotGranted);
        }
        let household = self.households.get(&node.household_id);
        let members = household.map(|household| household.members.clone()).unwrap_or_default();
        Ok(Verdict::Valid { household_id: node.household_id.clone(), members })
    }

    /// Adds a node to a household.
    pub(crate) fn register_node(&mut self, new: NewNode<'_>, now: Now) -> Result<&Node, NotRegistered> {
        if self.nodes.0.contains_key(new.node_id) {
            return Err(NotRegistered::Exists);
        }
        if !self.households.contains_key(new.household_id) {
            return Err(NotRegistered::NoHousehold);
        }
        let node_id = new.node_id.to_owned();
        self.nodes.insert(new, now);
        self.nodes.0.get(&node_id).ok_or(NotRegistered::NoHousehold)
    }

    /// A node by its id.
    pub(crate) fn node(&self, node_id: &str) -> Option<&Node> {
        self.nodes.0.get(node_id)
    }

    /// All nodes, in the order of their ids.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.0.values()
    }

    /// Replaces a node's key; the old one fails at once. None: no such node.
    pub(crate) fn rotate_node_key(&mut self, node_id: &str, now: Now) -> Option<String> {
        let node = self.nodes.0.get_mut(node_id)?;
        let key = new_key();
        node.key = Sealed::new(&key);
        node.updated_at = now.wall;
        node.last_rotated_at = Some(now.wall);
        Some(key)
    }

    /// Adds a node to the first household, with the grants of the first node, and returns its key. None: a
    /// node of that name exists.
    pub(crate) fn register_like_first(&mut self, node_id: &str, now: Now) -> Option<String> {
        let key = new_key();
        let new = NewNode {
            node_id,
            node_key: &key,
            household_id: HOUSEHOLD,
            name: node_id,
            registered_by: None,
            services: &first_grants(self.home),
        };
        self.register_node(new, now).ok().map(|_| key)
    }

    /// Deactivates a node for good. False: no such node.
    pub(crate) fn deactivate_node(&mut self, node_id: &str, now: Now) -> bool {
        let Some(node) = self.nodes.0.get_mut(node_id) else { return false };
        node.is_active = false;
        node.updated_at = now.wall;
        true
    }

    /// Grants a service to a node.
    pub(crate) fn grant(&mut self, node_id: &str, service: &str, now: Now) -> Result<(), NotGranted> {
        let node = self.nodes.0.get_mut(node_id).ok_or(NotGranted::NoNode)?;
        if node.services.iter().any(|grant| grant.service_id == service) {
            return Err(NotGranted::Already);
        }
        let grant = Grant { service_id: service.to_owned(), granted_at: now.wall, granted_by: None };
        node.services.push(grant);
        Ok(())
    }

    /// Revokes a node's grant. False: it was not granted, or there is no such node.
    pub(crate) fn revoke(&mut self, node_id: &str, service: &str) -> bool {
        let Some(node) = self.nodes.0.get_mut(node_id) else { return false };
        let before = node.services.len();
        node.services.retain(|grant| grant.service_id != service);
        node.services.len() < before
    }
}
