//! The stories that come with the program: one line for each file in `node-sim/scenarios`.

use super::{NoStory, Scenario};

macro_rules! shelf {
    ($($name:literal,)+) => {
        /// Name and text of each.
        const SHELF: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../scenarios/", $name, ".json"))),)+];
    };
}

shelf! {
    "a-day-of-3-percent-loss",
    "a-hung-call-ends-the-program",
    "a-lossy-night",
    "a-quiet-hour",
    "a-week-at-default-settings",
    "answers-200-to-everything",
    "answers-200-to-everything-at-boot",
    "answers-for-another-node",
    "answers-with-bare-lists",
    "app-key-revoked-under-a-valid-node",
    "app-key-rotated-under-us",
    "asked-for-absurd-patience",
    "asked-for-patience",
    "auth-database-down",
    "auth-service-error-at-boot",
    "backup-from-before-the-node",
    "ca-replaced",
    "captive-portal",
    "captive-portal-at-boot",
    "card-cloned",
    "certificate-from-tomorrow",
    "clock-at-1970",
    "clock-at-1970-for-an-hour",
    "clock-at-1970-in-plain-http",
    "clock-jumps-by-years",
    "clock-steps-back",
    "clock-years-ahead",
    "clock-years-ahead-at-boot",
    "clone-found-and-key-rotated",
    "crash-loop-in-an-outage",
    "credential-broken-by-an-editor",
    "credential-broken-under-a-good-verdict",
    "credential-truncated-by-a-power-cut",
    "daylight-change",
    "denied-and-restarted-in-an-outage",
    "denied-then-cut-off",
    "dhcp-gone",
    "disk-read-only",
    "disk-read-only-for-days",
    "dns-poisoned",
    "every-second-way-is-a-dead-end",
    "half-open-connections",
    "household-moved",
    "key-replaced-without-a-word",
    "key-rotated-and-replaced",
    "key-rotated-while-we-were-off",
    "months-of-uptime",
    "no-grace-at-all",
    "node-deactivated",
    "node-deactivated-and-reactivated",
    "node-renamed-during-an-outage",
    "not-provisioned",
    "outage-longer-than-the-grace",
    "overloaded-server",
    "power-back-after-an-outage",
    "power-cut-during-an-outage",
    "power-cuts-all-night",
    "power-cuts-and-no-time-server",
    "proxy-with-502-pages",
    "rate-limited",
    "reload-while-a-call-is-under-way",
    "restart-storm",
    "retry-after-as-a-date",
    "revalidation-at-the-end-of-the-grace",
    "router-slower-than-the-node",
    "server-away-for-a-minute",
    "server-back-as-the-grace-ends",
    "server-certificate-renewed",
    "server-certificate-runs-out",
    "server-gone-at-boot",
    "server-key-not-pinned",
    "server-restored-from-an-old-backup",
    "server-stalls-and-fails",
    "service-moved",
    "service-not-granted-any-more",
    "service-restarted-during-an-outage",
    "slow-but-sound",
    "slower-than-the-time-out",
    "stopped-and-started",
    "stopped-while-a-call-is-under-way",
    "unknown-401-at-the-command-center",
    "versions-that-do-not-match",
    "wifi-that-comes-and-goes",
    "wrong-app-key-from-the-start",
    "wrong-ca",
}

/// All of them, by name.
///
/// # Errors
/// [`NoStory::Malformed`].
pub fn all() -> Result<Vec<Scenario>, NoStory> {
    SHELF.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The one of this name.
///
/// # Errors
/// [`NoStory`]: there is none, or it is malformed.
pub fn find(name: &str) -> Result<Scenario, NoStory> {
    match SHELF.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => parse(name, text),
        None => Err(NoStory::Unknown(name.to_owned())),
    }
}

fn parse(name: &str, text: &str) -> Result<Scenario, NoStory> {
    Scenario::parse(name, &format!("node-sim/scenarios/{name}.json"), text)
}
