//! The broker's part of the configuration, with names of users and groups turned into numbers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::accounts::Accounts;
use super::callers::{Allowed, OverflowId};
use super::rules::{Rule, Rules, in_words};
use crate::config::{AudienceRule, Config, Principal};
use crate::error::SetupError;

/// The time that an answer may take beyond the request to the STS.
const MARGIN: Duration = Duration::from_secs(2);

/// Where to listen, and who may have which tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(super) socket: PathBuf,
    pub(super) rules: Rules,
    /// How long callers wait for a token.
    pub(super) token_timeout: Duration,
}

impl Plan {
    /// The plan of `config`, read from `path`; `None` if no broker is configured.
    ///
    /// # Errors
    /// When a rule names a user or a group that this board does not have.
    pub(crate) fn of(config: &Config, path: &Path) -> Result<Option<Self>, SetupError> {
        let (Some(sts), Some(broker)) = (&config.sts, &config.broker) else { return Ok(None) };
        let wrong = |why| SetupError::Config { path: path.into(), why };
        let accounts = Accounts::read()
            .map_err(|why| wrong(format!("/etc/passwd and /etc/group cannot be read: {why}")))?;
        let rules: Result<Vec<_>, String> =
            sts.audiences.iter().map(|(audience, rule)| resolve(audience, rule, &accounts)).collect();
        Ok(Some(Self {
            socket: broker.socket.clone(),
            rules: Rules {
                rules: rules.map_err(wrong)?,
                default_audience: sts.default_audience.clone(),
                overflow: OverflowId::here(),
            },
            token_timeout: config.request_timeout + MARGIN,
        }))
    }
}

fn resolve(audience: &str, rule: &AudienceRule, accounts: &Accounts) -> Result<Rule, String> {
    let unknown = |what: &str, name: &str| {
        format!(
            "sts.audiences.{audience}.{what}s: there is no {what} '{name}' on this board; correct the name or make the {what}"
        )
    };
    let (mut uids, mut gids) = (Vec::new(), Vec::new());
    for user in &rule.users {
        uids.push(match user {
            Principal::Id(id) => *id,
            Principal::Name(name) => accounts.user(name).ok_or_else(|| unknown("user", name))?,
        });
    }
    for group in &rule.groups {
        let (id, members) = match group {
            Principal::Id(id) => (*id, accounts.members_of(*id)),
            Principal::Name(name) => accounts.group(name).ok_or_else(|| unknown("group", name))?,
        };
        gids.push(id);
        uids.extend(members);
    }
    let names = |principals: &[Principal]| -> Vec<String> { principals.iter().map(name).collect() };
    Ok(Rule {
        audience: audience.into(),
        scope: rule.scope.clone(),
        exchange: rule.exchange,
        allowed: Allowed { uids, gids, described: in_words(&names(&rule.users), &names(&rule.groups)) },
    })
}

fn name(principal: &Principal) -> String {
    match principal {
        Principal::Id(id) => id.to_string(),
        Principal::Name(name) => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_resolves_names_and_members_of_groups() {
        let accounts = Accounts::of(
            "pi:x:1000:1000::/:/x\nvoice:x:1001:44::/:/x\n",
            "jarvis:x:990:voice\nothers:x:7:pi\n",
        );
        let (id, named) = (Principal::Id, |text: &str| Principal::Name(text.into()));
        let rule = |users: &[Principal], groups: &[Principal]| AudienceRule {
            users: users.into(),
            groups: groups.into(),
            ..AudienceRule::default()
        };
        let allowed = |rule| resolve("a", &rule, &accounts).expect("sound").allowed;
        let one = allowed(rule(&[named("pi"), id(5)], &[named("jarvis"), id(7), id(8)]));
        assert_eq!((one.uids, one.gids), (Vec::from([1000, 5, 1001, 1000]), Vec::from([990, 7, 8])));
        assert_eq!(one.described, "user pi, user 5, group jarvis, group 7, group 8");
        let unknown = resolve("a", &rule(&[named("ghost")], &[]), &accounts).expect_err("unknown");
        assert!(
            unknown.contains("no user 'ghost'") && unknown.contains("sts.audiences.a.users"),
            "{unknown}"
        );
        let unknown = resolve("a", &rule(&[], &[named("pi")]), &accounts).expect_err("a user is no group");
        assert!(unknown.contains("no group 'pi'"), "{unknown}");
    }
}
