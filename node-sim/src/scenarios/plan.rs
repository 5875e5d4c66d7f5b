//! What happens in a story, and when in the run with a certain seed.

use core::time::Duration;

use node_core::jitter::Jitter;

use super::form::EventForm;
use super::moment::{Between, Moment, Named};
use crate::world::{Happening, ServerChange};

/// Keeps apart what is drawn for the plan and what the run draws.
const SALT: u64 = 0x706c_616e;

/// An event of a file.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    at: Moment,
    name: String,
    happening: Happening,
    /// How often it comes again, and until when.
    again: Option<(Between, Moment)>,
    /// After how long the fault is over.
    lasts: Option<Between>,
}

/// An event of a run.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// When, since the start.
    pub at: Duration,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub happening: Happening,
}

impl Planned {
    pub(super) fn of(form: EventForm) -> Result<Self, String> {
        let EventForm { at, what: name, every, until, lasts, server, files, clock, serial, deed } = form;
        let faulty = server.as_ref().is_some_and(|server| matches!(server.fault, Some(Some(_))));
        let mut all: Vec<Happening> = Vec::new();
        all.extend(server.map(Happening::Server));
        all.extend(files.map(Happening::Files));
        all.extend(clock.map(|clock| Happening::Clock(clock.0)));
        all.extend(serial.map(Happening::Moved));
        all.extend(deed.map(Happening::from));
        let (Some(happening), None) = (all.pop(), all.pop()) else {
            return Err(format!(
                "the event '{name}' needs exactly one of server, files, clock, serial and do"
            ));
        };
        if lasts.is_some() && !faulty {
            return Err(format!(
                "the event '{name}' has `for`, but no fault of the server that could be over"
            ));
        }
        let again = match (every, until) {
            (Some(every), _) if !every.is_never_zero() => {
                return Err(format!("the event '{name}' comes again after no time at all"));
            }
            (Some(every), until) => Some((every, until.unwrap_or(Moment::END))),
            (None, None) => None,
            (None, Some(_)) => return Err(format!("the event '{name}' has `until`, but no `every`")),
        };
        Ok(Self { at, name, happening, again, lasts })
    }
}

/// The events of the run with this seed, in order, and the last of each name.
pub(super) fn draw(plan: &[Planned], span: Duration, seed: u64) -> Result<(Vec<Drawn>, Named), String> {
    let mut chance = Jitter::new(seed ^ SALT);
    let (mut drawn, mut named) = (Vec::new(), Named::new());
    for Planned { at, name, happening, again, lasts } in plan {
        let unknown = |moment: &Moment| {
            format!("no event before '{name}' is called '{}'", moment.refers_to().unwrap_or_default())
        };
        let mut next = at.draw(&named, span, &mut chance).ok_or_else(|| unknown(at))?;
        let until = match again {
            Some((_, until)) => until.draw(&named, span, &mut chance).ok_or_else(|| unknown(until))?,
            None => next,
        };
        let over = format!("{name}: over");
        while next <= until {
            if next > span {
                return Err(format!("the event '{name}' is after the end"));
            }
            named.insert(name.clone(), next);
            drawn.push(Drawn { at: next, name: name.clone(), happening: happening.clone() });
            let mut free = next;
            if let Some(lasts) = lasts {
                free = (next + lasts.draw(&mut chance)).min(span);
                named.insert(over.clone(), free);
                let change = ServerChange { fault: Some(None), ..ServerChange::default() };
                drawn.push(Drawn { at: free, name: over.clone(), happening: Happening::Server(change) });
            }
            let Some((every, _)) = again else { break };
            next = free + every.draw(&mut chance);
        }
    }
    // Stable: events of one moment happen in the order of the file.
    drawn.sort_by_key(|event| event.at);
    Ok((drawn, named))
}
