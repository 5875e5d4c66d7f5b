//! The rules by which callers may have tokens.

use node_core::text::Quoted;

use super::answer::Refusal;
use super::callers::{Allowed, Caller, OverflowId, not_allowed};
use crate::sts::{SubjectToken, Wanted, for_audience};

/// The longest scope that a caller may ask for, in bytes.
const MAX_SCOPE: usize = 512;

/// The rules of all audiences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    /// The audience of callers that name none. It is empty where they get tokens for which none is asked.
    pub(super) default_audience: Option<Box<str>>,
    pub(super) overflow: OverflowId,
}

/// The rule of one audience, or of tokens for which none is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) audience: Box<str>,
    /// The scope to request unless the caller asks for less; `None` for the default of the STS.
    pub(super) scope: Option<Box<str>>,
    /// Whether callers may exchange their own tokens for tokens of this audience.
    pub(super) exchange: bool,
    pub(super) allowed: Allowed,
}

impl Rules {
    /// Whether a rule allows `caller` anything.
    pub(super) fn admit(&self, caller: Caller) -> bool {
        self.rules.iter().any(|rule| rule.allowed.admits(caller, self.overflow))
    }

    /// The token that `caller` asks for, if it may have it.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub(super) fn wanted(
        &self,
        caller: Caller,
        audience: Option<&str>,
        scope: Option<&str>,
        subject: Option<&str>,
    ) -> Result<Wanted, Refusal> {
        let audience = audience
            .filter(|audience| !audience.is_empty())
            .or(self.default_audience.as_deref())
            .ok_or_else(|| {
                Refusal::bad_request(
                    "audience is missing, and sts.audiences has no rule \"\" for tokens without one",
                )
            })?;
        let rule = self.rules.iter().find(|rule| &*rule.audience == audience).ok_or_else(|| {
            Refusal::new(
                403,
                "audience_not_configured",
                "there is no such audience in sts.audiences of the node's configuration",
            )
        })?;
        if !rule.allowed.admits(caller, self.overflow) {
            let why = not_allowed(&rule.audience, caller, &rule.allowed, self.overflow);
            return Err(Refusal::new(403, "not_allowed", why));
        }
        if subject.is_some() && !rule.exchange {
            let audience = for_audience(audience);
            let why = format!("tokens {audience} are not exchanged; set \"exchange\": true in its rule");
            return Err(Refusal::new(403, "exchange_not_allowed", why));
        }
        let subject = subject.map(SubjectToken::parse).transpose();
        Ok(Wanted {
            audience: rule.audience.clone(),
            scope: rule.scope(scope.unwrap_or_default())?,
            subject: subject.map_err(|why| Refusal::bad_request(format!("subject_token {why}")))?,
        })
    }
}

impl Rule {
    /// The words of `asked`, if the rule has all of them. They are put into the rule's order, so that the same words mean
    /// the same token.
    fn scope(&self, asked: &str) -> Result<Option<Box<str>>, Refusal> {
        if asked.len() > MAX_SCOPE {
            return Err(Refusal::bad_request(format!("scope is longer than {MAX_SCOPE} bytes")));
        }
        let allowed = || self.scope.as_deref().unwrap_or_default().split_ascii_whitespace();
        if !asked.split(' ').filter(|word| !word.is_empty()).all(|word| allowed().any(|known| known == word))
        {
            let is_shown = |scope: &&str| scope.split(' ').all(|word| Quoted(word).is_name());
            let what = match self.scope.as_deref() {
                None => "has none".into(),
                Some(scope) => format!("is \"{}\"", Some(scope).filter(is_shown).unwrap_or("…")),
            };
            let audience = for_audience(&self.audience);
            let why = format!("the scope of the rule {audience} {what}, and no more can be had");
            return Err(Refusal::new(403, "scope_not_allowed", why));
        }
        let all = asked.split(' ').all(str::is_empty);
        let words: Vec<_> =
            allowed().filter(|known| all || asked.split(' ').any(|word| word == *known)).collect();
        Ok((!words.is_empty()).then(|| words.join(" ").into_boxed_str()))
    }
}

/// A rule's callers as text: `user pi, user 1000, group jarvis`, or `root`.
pub(super) fn in_words(users: &[String], groups: &[String]) -> String {
    let users = users.iter().map(|user| format!("user {user}"));
    let all: Vec<_> = users.chain(groups.iter().map(|group| format!("group {group}"))).collect();
    if all.is_empty() { "root".into() } else { all.join(", ") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const PI: Caller = Caller { uid: 1000, gid: 1000 };

    /// Two audiences: `gateway` for user 1000 with scope `runs:read runs:write` and exchange, `archive` for root.
    pub(crate) fn rules() -> Rules {
        let allowed = |uids: &[u32], words: &str| Allowed {
            uids: uids.into(),
            gids: Vec::new(),
            described: words.into(),
        };
        Rules {
            rules: Vec::from([
                Rule {
                    audience: "gateway".into(),
                    scope: Some("runs:read runs:write".into()),
                    exchange: true,
                    allowed: allowed(&[1000], "user pi"),
                },
                Rule {
                    audience: "archive".into(),
                    scope: None,
                    exchange: false,
                    allowed: allowed(&[], "root"),
                },
            ]),
            default_audience: None,
            overflow: OverflowId::NONE,
        }
    }

    fn code(refused: Result<Wanted, Refusal>) -> (u16, &'static str, String) {
        let Refusal { status, code, message, .. } = refused.expect_err("refused");
        (status, code, message)
    }

    #[test]
    fn refusal_names_the_rule() {
        let rules = rules();
        let asked = |audience, scope| code(rules.wanted(PI, audience, scope, None));
        assert_eq!(asked(Some("nobody"), None).1, "audience_not_configured");
        assert_eq!(asked(Some("Gateway"), None).1, "audience_not_configured");
        assert_eq!(asked(None, None).1, "invalid_request");
        let (status, name, message) = asked(Some("archive"), None);
        assert_eq!((status, name), (403, "not_allowed"));
        assert_eq!(message, "tokens for archive are for root; you are uid 1000, gid 1000");
        let (_, name, message) = asked(Some("gateway"), Some("runs:delete"));
        assert_eq!(name, "scope_not_allowed");
        assert!(message.contains("runs:read runs:write"), "{message}");
        let root = Caller { uid: 0, gid: 0 };
        assert_eq!(code(rules.wanted(root, Some("archive"), Some("x"), None)).1, "scope_not_allowed");
        assert_eq!(code(rules.wanted(root, Some("archive"), None, Some("s3cret"))).1, "exchange_not_allowed");
        let (_, name, message) = code(rules.wanted(PI, Some("gateway"), None, Some("s3 cret")));
        assert!(name == "invalid_request" && !message.contains("cret"), "{message}");
    }

    #[test]
    fn scope_defaults_to_the_rule_in_its_order() {
        let rules = rules();
        for (asked, scope) in [
            (None, "runs:read runs:write"),
            (Some(""), "runs:read runs:write"),
            (Some("runs:write"), "runs:write"),
            (Some("runs:write  runs:read runs:write"), "runs:read runs:write"),
        ] {
            let wanted = rules.wanted(PI, Some("gateway"), asked, None).expect("allowed");
            assert_eq!(wanted.scope.as_deref(), Some(scope), "{asked:?}");
        }
        let root = Caller { uid: 0, gid: 0 };
        assert_eq!(rules.wanted(root, Some("archive"), None, None).expect("allowed").scope, None);
    }

    #[test]
    fn default_audience_has_to_meet_its_rule() {
        let mut rules = rules();
        rules.default_audience = Some("gateway".into());
        assert_eq!(&*rules.wanted(PI, None, None, None).expect("allowed").audience, "gateway");
        assert_eq!(&*rules.wanted(PI, Some(""), None, None).expect("allowed").audience, "gateway");
        rules.default_audience = Some("archive".into());
        assert_eq!(code(rules.wanted(PI, None, None, None)).1, "not_allowed");
    }

    #[test]
    fn empty_audience_has_a_rule_of_its_own() {
        let mut rules = rules();
        rules.rules[1].audience = "".into();
        rules.default_audience = Some("".into());
        let root = Caller { uid: 0, gid: 0 };
        for none in [None, Some("")] {
            assert_eq!(&*rules.wanted(root, none, None, None).expect("allowed").audience, "");
            let (_, name, message) = code(rules.wanted(PI, none, None, None));
            assert_eq!(name, "not_allowed");
            assert_eq!(message, "tokens without an audience are for root; you are uid 1000, gid 1000");
        }
    }

    #[test]
    fn callers_are_described_in_words() {
        assert_eq!(
            in_words(&["pi".into(), "1000".into()], &["jarvis".into()]),
            "user pi, user 1000, group jarvis"
        );
        assert_eq!(in_words(&[], &[]), "root");
    }
}
