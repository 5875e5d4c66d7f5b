//! `jarvis-node check`: one validation by the daemon's own agent, without its loop.

use std::path::PathBuf;
use std::time::Duration;

use node_core::agent::{Action, Agent, Event, Setup};
use node_core::outcome::Outcome;
use node_core::trouble::Trouble;

use crate::clock;
use crate::config::Indicators;
use crate::error::Warning;
use crate::files::status;
use crate::files::status::{Record, View};
use crate::setup::{Loaded, Reader};

/// Validates once and returns the outcome. A daemon's last verdict on this boot counts as it does for the daemon;
/// nothing is written anywhere.
pub(crate) fn check(config_file: PathBuf) -> (Outcome, View) {
    let boot_id = status::boot_id();
    let remembered = Record::load(&Indicators::load_lenient(&config_file).status_file)
        .ok()
        .and_then(|record| record.remembered(&boot_id, clock::instant()));
    let mut reader = Reader::new(config_file);
    let mut loaded: Option<Loaded> = None;
    let mut warnings = Vec::new();
    // Any seed will do: one validation has no retries to spread.
    let mut agent = Agent::new(0);
    let mut next = Some(Event::Started(remembered));
    while let Some(event) = next.take() {
        for action in agent.handle(event, clock::now()) {
            match action {
                Action::ReadSetup => {
                    next = Some(Event::SetupRead(read(&mut reader, &mut loaded, &mut warnings)))
                }
                Action::Validate => {
                    next = loaded.as_ref().map(|l| Event::Answered(l.client.validate(&l.credential).answer));
                }
                // The program ends after one validation, so it neither probes nor waits.
                Action::Probe
                | Action::KeepOldSetup(_)
                | Action::Show(_)
                | Action::Publish
                | Action::Exit(_) => {}
            }
        }
    }
    let now = clock::instant();
    let report = agent.report(now);
    let mut view = Record::of(&report, &boot_id, false).with(warnings).view(&boot_id, now);
    // There is no next check.
    view.next_check_secs = None;
    (report.outcome, view)
}

fn read(
    reader: &mut Reader,
    loaded: &mut Option<Loaded>,
    warnings: &mut Vec<Warning>,
) -> Result<Setup, Trouble> {
    let read = reader.read();
    *warnings = read.warnings;
    let mut read = read.node.map_err(|error| error.to_trouble())?;
    // A person waits for the answer, so there is no random delay.
    read.setup.settings.start_splay = Duration::ZERO;
    let setup = read.setup.clone();
    *loaded = Some(read);
    Ok(setup)
}
