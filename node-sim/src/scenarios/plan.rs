//! The events of a scenario, and their times in a run.

use core::time::Duration;

use node_core::jitter::Jitter;

use super::form::EventForm;
use super::moment::{Between, Moment, Named};
use crate::world::{ServerChange, WorldEvent};

/// Keeps the random numbers of the plan apart from those of the run.
const SALT: u64 = 0x706c_616e;

/// An event in a scenario file.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    at: Moment,
    name: String,
    event: WorldEvent,
    /// The interval at which it is repeated, and the last moment.
    again: Option<(Between, Moment)>,
    /// How long the fault lasts.
    lasts: Option<Between>,
}

/// An event in a run.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The time since the start.
    pub at: Duration,
    /// Its name.
    pub name: String,
    /// Its effect.
    pub event: WorldEvent,
}

impl Planned {
    pub(super) fn of(form: EventForm) -> Result<Self, String> {
        let EventForm { at, what: name, every, until, lasts, server, files, clock, serial, deed } = form;
        let faulty = server.as_ref().is_some_and(|server| matches!(server.fault, Some(Some(_))));
        let mut all: Vec<WorldEvent> = Vec::new();
        all.extend(server.map(WorldEvent::Server));
        all.extend(files.map(WorldEvent::Files));
        all.extend(clock.map(|clock| WorldEvent::Clock(clock.0)));
        all.extend(serial.map(WorldEvent::CardMoved));
        all.extend(deed.map(WorldEvent::from));
        let (Some(event), None) = (all.pop(), all.pop()) else {
            return Err(format!(
                "the event '{name}' needs exactly one of server, files, clock, serial and do"
            ));
        };
        if lasts.is_some() && !faulty {
            return Err(format!("the event '{name}' has `for`, but no fault of the server that could end"));
        }
        let again = match (every, until) {
            (Some(every), _) if !every.is_never_zero() => {
                return Err(format!("the event '{name}' is repeated after no time at all"));
            }
            (Some(every), until) => Some((every, until.unwrap_or(Moment::END))),
            (None, None) => None,
            (None, Some(_)) => return Err(format!("the event '{name}' has `until`, but no `every`")),
        };
        Ok(Self { at, name, event, again, lasts })
    }
}

/// The events of the run with this seed in order, and the time of the last event with each name.
pub(super) fn draw(plan: &[Planned], span: Duration, seed: u64) -> Result<(Vec<Drawn>, Named), String> {
    let mut chance = Jitter::new(seed ^ SALT);
    let (mut drawn, mut named) = (Vec::new(), Named::new());
    for Planned { at, name, event, again, lasts } in plan {
        let unknown = |moment: &Moment| {
            format!("no event before '{name}' has the name '{}'", moment.refers_to().unwrap_or_default())
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
            drawn.push(Drawn { at: next, name: name.clone(), event: event.clone() });
            let mut free = next;
            if let Some(lasts) = lasts {
                free = (next + lasts.draw(&mut chance)).min(span);
                named.insert(over.clone(), free);
                let change = ServerChange { fault: Some(None), ..ServerChange::default() };
                drawn.push(Drawn { at: free, name: over.clone(), event: WorldEvent::Server(change) });
            }
            let Some((every, _)) = again else { break };
            next = free + every.draw(&mut chance);
        }
    }
    // A stable sort keeps events of the same moment in the order of the file.
    drawn.sort_by_key(|event| event.at);
    Ok((drawn, named))
}
