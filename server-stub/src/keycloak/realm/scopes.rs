//! Client scopes: what a token says of its `scope`, which claims and audiences come with it.

use std::collections::BTreeMap;

use super::Audience;

/// The scopes of a realm.
#[derive(Clone, Debug)]
pub(super) struct Scopes {
    all: BTreeMap<String, Scope>,
    /// Those of clients that name none of their own.
    default: Vec<String>,
    optional: Vec<String>,
}

/// One scope.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Whether a token's `scope` names it.
    pub(super) said: bool,
    /// The audiences that it adds.
    pub(super) audiences: Vec<Audience>,
}

/// The scopes of one token.
#[derive(Clone, Debug)]
pub(in crate::keycloak) struct Granted {
    names: Vec<String>,
    said: Vec<String>,
    audiences: Vec<Audience>,
}

/// OpenID Connect's own, which a client asks for and nobody grants.
const OPENID: &str = "openid";

impl Scopes {
    /// Those that Keycloak gives to a realm that has none of its own.
    pub(super) fn built_in() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let default = names(&["profile", "email", "roles", "web-origins", "acr", "basic"]);
        let optional = names(&["offline_access", "address", "phone", "microprofile-jwt", "organization"]);
        let silent = ["roles", "web-origins", "acr", "basic"];
        let scope = |name: &String| {
            let said = !silent.contains(&name.as_str());
            (name.clone(), Scope { said, audiences: Vec::new() })
        };
        let all = default.iter().chain(&optional).map(scope).collect();
        Self { all, default, optional }
    }

    /// A realm's own, and those of them that its clients have by default or may ask for.
    pub(super) fn new(all: BTreeMap<String, Scope>, default: Vec<String>, optional: Vec<String>) -> Self {
        Self { all, default, optional }
    }

    /// The default and the optional scopes of a client that names neither.
    pub(super) fn of_clients(&self) -> (Vec<String>, Vec<String>) {
        (self.default.clone(), self.optional.clone())
    }

    /// The scopes of a token of a client with these. None: the client may not have one that it asks for. An empty
    /// `asked`, and two spaces, name a scope without a name, which no client may have.
    pub(super) fn granted(
        &self,
        default: &[String],
        optional: &[String],
        asked: Option<&str>,
    ) -> Option<Granted> {
        let mut names = default.to_vec();
        let mut said = Vec::new();
        for name in asked.into_iter().flat_map(|asked| asked.split(' ')) {
            if name == OPENID {
                said = vec![OPENID.to_owned()];
            } else if optional.iter().any(|optional| optional == name) {
                if !names.iter().any(|there| there == name) {
                    names.push(name.to_owned());
                }
            } else if !default.iter().any(|default| default == name) {
                return None;
            }
        }
        let mut audiences = Vec::new();
        for (name, scope) in names.iter().filter_map(|name| Some((name, self.all.get(name)?))) {
            audiences.extend_from_slice(&scope.audiences);
            if scope.said {
                said.push(name.clone());
            }
        }
        Some(Granted { names, said, audiences })
    }
}

impl Granted {
    /// The member `scope` of an answer and of a token.
    pub(in crate::keycloak) fn said(&self) -> String {
        self.said.join(" ")
    }

    /// Whether a token has the claims of this scope.
    pub(in crate::keycloak) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|there| there == name)
    }

    /// Whether the client asked for an ID token.
    pub(in crate::keycloak) fn is_openid(&self) -> bool {
        self.said.first().is_some_and(|name| name == OPENID)
    }

    pub(super) fn audiences(&self) -> impl Iterator<Item = &Audience> {
        self.audiences.iter()
    }
}
