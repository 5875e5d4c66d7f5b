//! The scenarios that come with the program, by folder of `node-sim/scenarios`.

use super::{Invalid, Scenario};

/// A scenario's folder, name and text.
type Source = (&'static str, &'static str, &'static str);

macro_rules! catalogue {
    ($($folder:literal: [$($name:literal),+ $(,)?],)+) => {
        const CATALOGUE: &[Source] = &[$($((
            $folder,
            $name,
            include_str!(concat!("../../scenarios/", $folder, "/", $name, ".json")),
        ),)+)+];
    };
}

catalogue! {
    "answer": [
        "answers-200-to-everything",
        "answers-200-to-everything-at-boot",
        "answers-for-another-node",
        "answers-with-bare-lists",
        "auth-database-down",
        "auth-service-error-at-boot",
        "captive-portal",
        "captive-portal-at-boot",
        "logs-cannot-ask-the-auth-service",
        "proxy-with-502-pages",
        "service-moved",
        "unknown-401-at-the-command-center",
        "versions-that-do-not-match",
    ],
    "card": [
        "card-cloned",
        "credential-broken-by-an-editor",
        "credential-broken-under-a-good-verdict",
        "credential-truncated-by-a-power-cut",
        "disk-read-only",
        "disk-read-only-for-days",
        "node-renamed-during-an-outage",
        "not-provisioned",
    ],
    "clock": [
        "clock-at-1970",
        "clock-at-1970-for-an-hour",
        "clock-at-1970-in-plain-http",
        "clock-jumps-by-years",
        "clock-steps-back",
        "clock-years-ahead",
        "clock-years-ahead-at-boot",
        "daylight-change",
        "power-cuts-and-no-time-server",
    ],
    "credential": [
        "app-key-revoked-under-a-valid-node",
        "app-key-rotated-under-us",
        "clone-found-and-key-rotated",
        "denied-and-restarted-in-an-outage",
        "denied-then-cut-off",
        "household-moved",
        "key-replaced-without-a-word",
        "key-rotated-and-replaced",
        "key-rotated-while-we-were-off",
        "node-deactivated",
        "node-deactivated-and-reactivated",
        "reload-while-a-call-is-under-way",
        "service-not-granted-any-more",
        "wrong-app-key-from-the-start",
    ],
    "grace": [
        "no-grace-at-all",
        "outage-longer-than-the-grace",
        "revalidation-at-the-end-of-the-grace",
        "server-back-as-the-grace-ends",
    ],
    "load": [
        "asked-for-absurd-patience",
        "asked-for-patience",
        "hung-once",
        "overloaded-server",
        "rate-limited",
        "retry-after-as-a-date",
        "server-stalls-and-fails",
        "slow-but-sound",
        "slower-than-the-time-out",
    ],
    "network": [
        "a-day-of-3-percent-loss",
        "a-lossy-night",
        "dhcp-gone",
        "every-second-way-is-a-dead-end",
        "half-open-connections",
        "router-slower-than-the-node",
        "wifi-that-comes-and-goes",
    ],
    "power": [
        "a-hung-call-ends-the-program",
        "crash-loop-in-an-outage",
        "power-back-after-an-outage",
        "power-cut-during-an-outage",
        "power-cuts-all-night",
        "restart-storm",
        "service-restarted-during-an-outage",
        "stopped-and-started",
        "stopped-while-a-call-is-under-way",
    ],
    "server": [
        "backup-from-before-the-node",
        "database-away-behind-a-good-health",
        "proxy-answers-for-a-stopped-service",
        "server-away-for-a-minute",
        "server-gone-at-boot",
        "server-restored-from-an-old-backup",
    ],
    "tls": [
        "ca-replaced",
        "certificate-from-tomorrow",
        "dns-poisoned",
        "server-certificate-renewed",
        "server-certificate-runs-out",
        "server-key-not-pinned",
        "wrong-ca",
    ],
    "uptime": [
        "a-quiet-hour",
        "a-week-at-default-settings",
        "months-of-uptime",
    ],
}

/// All scenarios, sorted by name.
///
/// # Errors
/// [`Invalid::Malformed`].
pub fn all() -> Result<Vec<Scenario>, Invalid> {
    let mut all: Vec<Scenario> = CATALOGUE.iter().map(parse).collect::<Result<_, _>>()?;
    all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// The scenario with this name.
///
/// # Errors
/// [`Invalid`]: there is none, or it is malformed.
pub fn find(name: &str) -> Result<Scenario, Invalid> {
    let source = CATALOGUE.iter().find(|(_, known, _)| *known == name);
    source.map_or_else(|| Err(Invalid::Unknown(name.to_owned())), parse)
}

fn parse((folder, name, text): &Source) -> Result<Scenario, Invalid> {
    Scenario::parse(name, &format!("node-sim/scenarios/{folder}/{name}.json"), text)
}
