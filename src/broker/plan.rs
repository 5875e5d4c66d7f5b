//! The broker's part of the configuration, with names of users and groups turned into numbers.

use std::path::PathBuf;
use std::time::Duration;

use node_core::text::Quoted;

use super::callers::{Allowed, OverflowId, Persons};
use super::rules::{Rule, Rules, in_words};
use crate::config::{AudienceRule, Broker, Principal, Sts};
use crate::error::Warning;
use crate::sts::for_audience;
use crate::system::accounts::Accounts;

/// The code of warnings about users and groups that do not exist.
const RULE: &str = "broker_rule";
/// The code of warnings about tokens that are given out without a check, because the configuration wants it. They take nothing
/// from the health.
pub(super) const UNCHECKED: &str = "unchecked_tokens";
/// The time that an answer may take beyond the request to the STS.
const MARGIN: Duration = Duration::from_secs(2);

/// Where to listen, and who may have which tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(super) socket: PathBuf,
    pub(super) rules: Rules,
    pub(super) persons: Persons,
    /// How long callers wait for a token.
    pub(super) token_timeout: Duration,
}

impl Plan {
    /// The plan by which `broker` gives out tokens of `sts`, each within `request_timeout`. A user or a group that this
    /// board does not have gets nothing, and becomes a warning: an account that was deleted must not cost the others
    /// their tokens.
    pub(crate) fn of(
        sts: &Sts,
        broker: &Broker,
        request_timeout: Duration,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let accounts = Accounts::read();
        warnings.extend(accounts.faults().map(|fault| {
            Warning::new(
                RULE,
                format!("names in sts.audiences cannot be looked up: {fault}"),
                "Make it a text file that all users may read, then reload. Until then those names get no tokens.",
            )
        }));
        let rules = sts.audiences.iter().map(|(audience, rule)| resolve(audience, rule, &accounts, warnings));
        Self {
            socket: broker.socket.clone(),
            rules: Rules {
                rules: rules.collect(),
                default_audience: sts.default_audience.clone(),
                overflow: OverflowId::here(),
            },
            persons: Persons::read(&accounts),
            token_timeout: request_timeout + MARGIN,
        }
    }
}

/// The warning that tokens of any issuer are given out, if none is known. Only the variables of ARP can leave it out.
pub(crate) fn unchecked_issuer(issuer: &str) -> Option<Warning> {
    issuer.is_empty().then(|| {
        Warning::new(
            UNCHECKED,
            "the issuer of tokens is not checked: ARP_AUTH_TOKEN_ENDPOINT is set without ARP_AUTH_ISSUER",
            "Set ARP_AUTH_ISSUER to the issuer that they name.",
        )
    })
}

fn resolve(audience: &str, rule: &AudienceRule, accounts: &Accounts, warnings: &mut Vec<Warning>) -> Rule {
    if rule.opaque {
        warnings.push(Warning::new(
            UNCHECKED,
            format!(
                "tokens {} are opaque: nothing of them is checked, and they live as long as the STS says",
                for_audience(audience)
            ),
            "If the STS can issue JWTs for that, leave opaque out.",
        ));
    }
    let mut unknown = |what: &str, name: &str| {
        let is_known = if what == "user" { accounts.knows_users() } else { accounts.knows_groups() };
        if !is_known {
            // The file has its own warning.
            return;
        }
        warnings.push(Warning::new(
            RULE,
            format!(
                "sts.audiences.{}.{what}s: there is no {what} {} on this board",
                if audience.is_empty() { "\"\"" } else { Quoted(audience).bare() },
                Quoted(name)
            ),
            format!("Correct the name or make the {what}, then reload. Until then it gets no tokens."),
        ));
    };
    let (mut uids, mut gids) = (Vec::new(), Vec::new());
    for user in &rule.users {
        match user {
            Principal::Id(id) => uids.push(*id),
            Principal::Name(name) => match accounts.user(name) {
                Some(id) => uids.push(id),
                None => unknown("user", name),
            },
        }
    }
    for group in &rule.groups {
        let found = match group {
            Principal::Id(id) => Some((*id, accounts.members_of(*id))),
            Principal::Name(name) => accounts.group(name),
        };
        match (found, group) {
            (Some((id, members)), _) => {
                gids.push(id);
                uids.extend(members);
            }
            (None, group) => unknown("group", &name(group)),
        }
    }
    let shown = |principal: &Principal| String::from(Quoted(&name(principal)).bare());
    let names = |principals: &[Principal]| -> Vec<String> { principals.iter().map(shown).collect() };
    Rule {
        audience: audience.into(),
        scope: rule.scope.clone(),
        exchange: rule.exchange,
        allowed: Allowed { uids, gids, described: in_words(&names(&rule.users), &names(&rule.groups)) },
    }
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
        let resolved = |rule| {
            let mut warnings = Vec::new();
            (resolve("a", &rule, &accounts, &mut warnings).allowed, warnings)
        };
        let (one, warnings) = resolved(rule(&[named("pi"), id(5)], &[named("jarvis"), id(7), id(8)]));
        assert_eq!(warnings, []);
        assert_eq!((one.uids, one.gids), (Vec::from([1000, 5, 1001, 1000]), Vec::from([990, 7, 8])));
        assert_eq!(one.described, "user pi, user 5, group jarvis, group 7, group 8");
    }

    #[test]
    fn unknown_name_in_a_rule_costs_only_itself() {
        let accounts = Accounts::of("pi:x:1000:1000::/:/x\n", "jarvis:x:990:\n");
        let named = |text: &str| Principal::Name(text.into());
        let rule = AudienceRule {
            users: vec![named("ghost"), named("pi")],
            groups: vec![named("pi"), named("jarvis")],
            ..AudienceRule::default()
        };
        let mut warnings = Vec::new();
        let allowed = resolve("a", &rule, &accounts, &mut warnings).allowed;
        assert_eq!((allowed.uids, allowed.gids), (vec![1000], vec![990]));
        let messages: Vec<_> = warnings.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "sts.audiences.a.users: there is no user 'ghost' on this board",
                "sts.audiences.a.groups: there is no group 'pi' on this board",
            ]
        );
    }
}
