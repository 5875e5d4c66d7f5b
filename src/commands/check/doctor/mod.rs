//! `jarvis-node doctor`: the checks that a person would make, in that order, each with one sentence and one fix. Most of what
//! is told comes from where the daemon has it from; this module puts it in order.
//!
//! A check that needs what another one has found wrong is skipped, so that one fault is told once.

mod board;
mod context;
mod finding;
mod fix;
mod network;
mod setup;
mod tokens;
mod unit;

use std::io;
use std::thread;

use node_core::text::Shown;
use serde::Serialize;

use self::context::Context;
use self::finding::{Finding, Verdict};
use super::Target;
use crate::error::Warning;

/// The exit code when a check fails.
const FAILED: u8 = 1;

/// One check.
struct Check {
    name: &'static str,
    /// The checks without which this one makes no sense.
    needs: &'static [&'static str],
    /// Whether it is made as the daemon's user.
    as_daemon: bool,
    judge: fn(&mut Context) -> Finding,
}

const fn check(
    name: &'static str,
    needs: &'static [&'static str],
    judge: fn(&mut Context) -> Finding,
) -> Check {
    Check { name, needs, as_daemon: false, judge }
}

impl Check {
    const fn by_the_daemon(self) -> Self {
        Self { as_daemon: true, ..self }
    }
}

/// All checks, in their order.
const CHECKS: &[Check] = &[
    check("program", &[], unit::program),
    check("unit", &["program"], unit::unit),
    check("unit-files", &["unit"], unit::changed),
    check("user", &["unit"], unit::user),
    check("sandbox", &["unit"], unit::sandbox),
    check("enabled", &["unit"], unit::enabled),
    check("running", &["unit", "unit-files", "user"], unit::running),
    check("neighbours", &[], unit::neighbours),
    check("disk", &[], board::disk),
    check("space", &["disk"], board::space),
    check("card", &[], board::card),
    check("memory", &[], board::memory),
    check("supply", &[], board::supply),
    check("folders", &["disk"], setup::folders),
    check("configuration", &[], setup::configuration).by_the_daemon(),
    check("settings", &["configuration"], setup::settings),
    check("led", &["configuration"], setup::led),
    check("app-key-file", &["configuration", "folders"], setup::app_key_file),
    check("tls-files", &["app-key-file"], setup::tls_files),
    check("board", &["tls-files"], setup::board),
    check("credential", &["board"], setup::credential),
    check("state-file", &["configuration", "folders"], setup::state_file),
    check("status-file", &["configuration"], setup::status_file),
    check("metrics-file", &["configuration"], setup::metrics_file),
    check("clock", &["configuration"], board::clock),
    check("clock-source", &[], board::clock_source),
    check("resolver", &["tls-files"], network::resolver).by_the_daemon(),
    check("name", &["resolver"], network::name).by_the_daemon(),
    check("route", &["name"], network::route).by_the_daemon(),
    check("port", &["route"], network::port),
    check("tls", &["port", "clock"], network::tls),
    check("certificate", &["tls"], network::certificate),
    check("chain", &["tls"], network::chain),
    check("home", &["tls"], network::home),
    check("between", &["tls", "credential"], network::between),
    check("service", &["between"], network::service),
    check("app-key", &["service"], network::app_key),
    check("node", &["app-key"], network::node),
    check("daemon", &["running", "node"], network::daemon),
    check("heartbeat", &["daemon"], network::heartbeat),
    check("update", &["configuration"], unit::update),
    check("socket", &["configuration", "running"], tokens::socket),
    check("callers", &["configuration"], tokens::callers),
    check("sts-files", &["configuration"], tokens::files),
    check("sts", &["sts-files", "clock"], tokens::sts).by_the_daemon(),
    check("audiences", &["socket", "sts"], tokens::audiences),
];

/// The name of what no check has told.
const REST: &str = "warnings";

/// What all checks have found.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    version: &'static str,
    /// What was repaired before, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    repaired: Vec<String>,
    checks: Vec<Finding>,
}

/// Makes all checks of `target`. With `repair` it does what is safe of the fixes, and checks again.
///
/// # Errors
/// When the system has no thread.
pub(crate) fn examine(target: impl Fn() -> Target, repair: bool) -> io::Result<Diagnosis> {
    let mut checks = judge(target())?;
    let repaired = if repair { fix::repair(&checks) } else { Vec::new() };
    if !repaired.is_empty() {
        checks = judge(target())?;
    }
    Ok(Diagnosis { version: env!("CARGO_PKG_VERSION"), repaired, checks })
}

fn judge(target: Target) -> io::Result<Vec<Finding>> {
    let mut context = Context::new(target);
    let mut findings: Vec<Finding> = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        let obstacle = check
            .needs
            .iter()
            .find_map(|need| findings.iter().find(|found| found.check == *need).and_then(Finding::obstacle));
        let found = match obstacle {
            Some(obstacle) => Finding::skipped(obstacle),
            None if check.as_daemon => in_its_place(check, &mut context)?,
            None => (check.judge)(&mut context),
        };
        findings.push(Finding { check: check.name, ..found });
    }
    // What a check has asked of the daemon may have changed what it warns of.
    context.look_at_daemon();
    tell_rest(&mut findings, context.all_warnings());
    Ok(findings)
}

/// Tells those of `warnings` that no check has told, so that none is lost.
fn tell_rest<'a>(findings: &mut Vec<Finding>, warnings: impl Iterator<Item = &'a Warning>) {
    let checks = findings.len();
    // A program that gets no token says more of an STS that fails.
    let is_told_by_tokens =
        findings.iter().any(|found| found.check == "audiences" && found.verdict == Verdict::Fail);
    for warning in warnings.filter(|warning| !is_told_by_tokens || warning.code != "sts_failure") {
        if findings.iter().all(|found| found.says != warning.message) {
            findings.push(Finding { check: REST, ..Finding::warned(warning) });
        }
    }
    if findings.len() == checks {
        findings.push(Finding { check: REST, ..Finding::pass("there are no others") });
    }
}

/// Makes a check in a thread of its own, which takes the daemon's place; this one stays what it is.
fn in_its_place(check: &Check, context: &mut Context) -> io::Result<Finding> {
    thread::scope(|scope| {
        let judged = thread::Builder::new().spawn_scoped(scope, || {
            context.setups.become_the_daemon();
            (check.judge)(context)
        })?;
        // A panic has ended the program.
        judged.join().map_err(|_| io::Error::other("a check was not made to its end"))
    })
}

impl Diagnosis {
    /// The program's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.checks.iter().any(|found| found.verdict == Verdict::Fail) { FAILED } else { 0 }
    }

    /// For people: a line for each check.
    pub(crate) fn in_words(&self) -> String {
        let repaired = self.repaired.iter().map(|done| format!("fixed: {done}"));
        let lines: Vec<_> = repaired.chain(self.checks.iter().map(Finding::in_words)).collect();
        lines.iter().map(|line| Shown(line).to_string()).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_that_no_check_has_told_is_told_last_and_once() {
        let warning = |code, message: &str| Warning::new(code, message, "Mend it.");
        let [told, sts, other] =
            [warning("led", "it is dark"), warning("sts_failure", "none"), warning("logs", "x")];
        let rest = |audiences: Finding| {
            let mut findings = vec![
                Finding { check: "led", ..Finding::warned(&told).into_failure() },
                Finding { check: "audiences", ..audiences },
            ];
            tell_rest(&mut findings, [&told, &sts, &other, &other].into_iter());
            findings
                .into_iter()
                .skip(2)
                .map(|found| (found.check, found.verdict, found.says))
                .collect::<Vec<_>>()
        };
        let warn = |says: &str| ("warnings", Verdict::Warn, says.to_owned());
        assert_eq!(rest(Finding::pass("")), [warn("none"), warn("x")]);
        assert_eq!(rest(Finding::fail("no token", "Ask.")), [warn("x")]);
        let mut none = Vec::new();
        tell_rest(&mut none, [].into_iter());
        assert_eq!((none[0].check, none[0].verdict), ("warnings", Verdict::Pass));
    }
}
