//! The node's own metrics (docs/monitoring.md), and the file that they are left in.

use std::io;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use node_core::agent::{Report, Step, Verdict};
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::time::Instant;

use crate::auth::GIT_SHA;
use crate::error::Warning;
use crate::files::exposition::{Histogram, START, Seconds, Tally, family, gauge, sample};
use crate::files::{bounded, durable};

/// What the node has done since it was started.
#[derive(Debug)]
pub(super) struct Metrics {
    started: Instant,
    asked: Option<(Step, Instant)>,
    validations: Tally,
    probes: Tally,
    durations: Histogram,
    last_valid: Option<Instant>,
}

/// What the metrics tell besides.
pub(super) struct Told<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) warnings: Vec<Warning>,
    /// Whether the LED can be used; `None` if there is to be none.
    pub(super) led: Option<bool>,
    pub(super) finding: bool,
}

impl Metrics {
    /// Those of a node that has done nothing yet.
    pub(super) fn new(started: Instant) -> Self {
        Self {
            started,
            asked: None,
            validations: Tally::default(),
            probes: Tally::default(),
            durations: Histogram::default(),
            last_valid: None,
        }
    }

    /// A validation or a probe was started.
    pub(super) const fn asked(&mut self, step: Step, now: Instant) {
        self.asked = Some((step, now));
    }

    /// It has come to this answer.
    pub(super) fn answered(&mut self, answer: &Answer, now: Instant) {
        let Some((step, asked)) = self.asked.take() else { return };
        let result = match answer {
            Answer::Valid(_) => Outcome::Valid.as_str(),
            Answer::Rejected(_) => Outcome::NodeRejected.as_str(),
            Answer::Reachable => "reachable",
            Answer::Inconclusive { trouble, .. } => trouble.kind.outcome().as_str(),
        };
        if matches!(answer, Answer::Valid(_)) {
            self.last_valid = Some(now);
        }
        match step {
            Step::Validate => {
                self.validations.add(result);
                self.durations.add(now.since(asked));
            }
            Step::Probe => self.probes.add(result),
        }
    }

    /// Adds them to `out`.
    pub(super) fn write(&self, out: &mut String, told: &Told<'_>, now: Instant) {
        let report = told.report;
        family(out, "build_info", "gauge", "The program that runs.");
        let (version, commit) = (env!("CARGO_PKG_VERSION"), GIT_SHA.unwrap_or_default());
        sample(out, "build_info", &format!(r#"version="{version}",commit="{commit}""#), &1);
        family(out, "outcome", "gauge", "1 for the outcome that holds, 0 for all others.");
        for outcome in Outcome::ALL {
            let holds = u8::from(outcome == report.outcome);
            sample(out, "outcome", &format!(r#"outcome="{outcome}""#), &holds);
        }
        let age = |since: Instant| Seconds(now.since(since));
        gauge(out, "uptime_seconds", "How long the daemon has run.", &age(self.started));
        let verdict = report.verdict.map(|(_, verdict)| match verdict {
            Verdict::Valid { at, .. } => (*at, Some(*at)),
            Verdict::Rejected { at, .. } => (*at, None),
        });
        if let Some((at, _)) = verdict {
            gauge(out, "verdict_age_seconds", "How old the last verdict is, good or bad.", &age(at));
        }
        if let Some(at) = verdict.and_then(|(_, good)| good).or(self.last_valid) {
            gauge(out, "good_verdict_age_seconds", "How old the last good verdict is.", &age(at));
        }
        let next = report.next_check.map_or(Duration::ZERO, |next| next.since(now));
        gauge(out, "next_check_seconds", "How long until the server is next asked.", &Seconds(next));
        gauge(
            out,
            "failures_in_a_row",
            "Validations and probes in a row that came to no verdict.",
            &report.failures,
        );
        self.validations.write(out, "validations_total", "Validations, by what they came to.");
        self.durations.write(out, "validation_duration_seconds", "How long validations took.");
        self.probes.write(out, "probes_total", "Probes, by what they came to.");
        family(out, "warnings", "gauge", "Warnings that hold, by code.");
        let mut codes: Vec<_> = told.warnings.iter().map(|one| &*one.code).collect();
        codes.sort_unstable();
        for same in codes.chunk_by(|one, other| one == other) {
            sample(out, "warnings", &format!(r#"code="{}""#, same[0]), &same.len());
        }
        if let Some(usable) = told.led {
            gauge(out, "led_usable", "Whether the LED can be set.", &u8::from(usable));
            gauge(out, "led_finding", "Whether the LED shows where the board is.", &u8::from(told.finding));
        }
    }
}

/// Replaces the file with metrics at `path` by `text`.
///
/// # Errors
/// Those of the system, and when the file that is there is not this program's.
pub(super) fn save(path: &Path, text: &str) -> io::Result<()> {
    is_own(path)?;
    durable::replace_public(path, text.as_bytes())
}

/// Removes the file with metrics at `path`, which nobody keeps up any more.
pub(super) fn remove(path: &Path) {
    if is_own(path).is_ok() {
        // Its age shows what cannot be removed.
        let _ = durable::remove(path);
    }
}

fn is_own(path: &Path) -> io::Result<()> {
    match bounded::read(path, 64 * 1024) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(bytes) if bytes.is_empty() || bytes.starts_with(START.as_bytes()) => Ok(()),
        Ok(_) => Err(durable::not_own()),
    }
}

/// What would keep [`save`] from writing the file at `path`, as far as it shows before.
pub(crate) fn warning(path: &Path) -> Option<Warning> {
    let checked = is_own(path).and_then(|()| durable::check_folder(path));
    checked.err().map(|why| unwritable(path, &why))
}

/// The warning about a file with metrics that could not be written because of `why`.
pub(super) fn unwritable(path: &Path, why: &io::Error) -> Warning {
    Warning::unwritable("metrics_file", "metrics_file", path, "no metrics can be left there", why)
}

#[cfg(test)]
mod tests {
    use node_core::agent::{Agent, Event};
    use node_core::time::{Now, UnixTime};
    use node_core::trouble::Trouble;

    use super::*;

    #[test]
    fn metrics_tell_what_the_report_and_the_answers_say() {
        let at = Instant::from_millis;
        let mut metrics = Metrics::new(at(1000));
        metrics.asked(Step::Validate, at(2000));
        metrics.answered(&Answer::Valid(Default::default()), at(2250));
        metrics.asked(Step::Probe, at(3000));
        metrics.answered(&Answer::Reachable, at(3010));
        metrics.answered(&Answer::Reachable, at(3020));
        let mut agent = Agent::new(1);
        let trouble = Trouble::setup(format_args!("there is no file"), format_args!("Write it."));
        let now = Now { instant: at(4000), wall: UnixTime(0) };
        agent.handle(Event::Started(None), now);
        agent.handle(Event::SetupRead(Err(trouble)), now);
        let warning = |code: &'static str| Warning::new(code, "it fails", "Fix it.");
        let warnings = vec![warning("sts"), warning("led"), warning("sts")];
        let told = Told { report: &agent.report(at(5000)), warnings, led: Some(false), finding: false };
        let mut text = String::new();
        metrics.write(&mut text, &told, at(5000));
        for line in [
            "jarvis_node_outcome{outcome=\"setup\"} 1",
            "jarvis_node_outcome{outcome=\"valid\"} 0",
            "jarvis_node_uptime_seconds 4.000",
            "jarvis_node_good_verdict_age_seconds 2.750",
            "jarvis_node_next_check_seconds 29.000",
            "jarvis_node_validations_total{result=\"valid\"} 1",
            "jarvis_node_validation_duration_seconds_bucket{le=\"0.100\"} 0",
            "jarvis_node_validation_duration_seconds_bucket{le=\"0.300\"} 1",
            "jarvis_node_probes_total{result=\"reachable\"} 1",
            "jarvis_node_warnings{code=\"led\"} 1",
            "jarvis_node_warnings{code=\"sts\"} 2",
            "jarvis_node_led_usable 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        assert!(!text.contains("jarvis_node_verdict_age_seconds"), "there is none");
    }

    #[test]
    fn file_of_another_program_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("metrics.prom");
        save(&path, "# HELP jarvis_node_x X.\n").expect("written");
        save(&path, "# HELP jarvis_node_y Y.\n").expect("replaced");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "# HELP jarvis_node_y Y.\n");
        std::fs::write(&path, "# HELP node_load1 Load.\n").expect("written");
        assert_eq!(save(&path, "").expect_err("refused").kind(), ErrorKind::AlreadyExists);
        remove(&path);
        assert!(path.exists());
    }
}
