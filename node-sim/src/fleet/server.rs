//! Models of the server: how much it answers, and what happens to the rest.

use core::time::Duration;

use clap::ValueEnum;

use super::agenda::{Agenda, Call};
use super::jarvisd::Jarvisd;
use super::python::Python;

/// Half a round trip in a home network, in milliseconds.
pub(super) const WAY: u64 = 1;

/// A time of the models in milliseconds.
pub(super) const fn millis(time: Duration) -> u64 {
    time.as_secs() * 1000 + time.subsec_millis() as u64
}

/// The service that the nodes ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// The Python auth service, as it was measured: it deadlocks from 15 calls at once
    Measured,
    /// jarvisd, by its source: cores that check keys, and a check that counts for a minute
    Jarvisd,
}

impl Model {
    /// Its name on the command line and in the figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Jarvisd => "jarvisd",
        }
    }
}

#[derive(Debug)]
pub(super) enum Server {
    Python(Box<Python>),
    Jarvisd(Jarvisd),
}

impl Server {
    pub(super) fn new(model: Model, cores: u32) -> Self {
        match model {
            Model::Measured => Self::Python(Box::new(Python::new(cores))),
            Model::Jarvisd => Self::Jarvisd(Jarvisd::new(cores)),
        }
    }

    /// A node makes a request. `false`: the server accepts no more connections.
    pub(super) fn is_called(&mut self, call: Call, now: u64, agenda: &mut Agenda) -> bool {
        match self {
            Self::Python(server) => server.is_called(call, now, agenda),
            Self::Jarvisd(_) => Jarvisd::is_called(call, now, agenda),
        }
    }

    pub(super) fn receives(&mut self, call: Call, now: u64, agenda: &mut Agenda) {
        match self {
            Self::Python(server) => server.receives(call, now, agenda),
            Self::Jarvisd(server) => server.receives(call, now, agenda),
        }
    }

    /// The check of a key has ended.
    pub(super) fn has_checked(&mut self, place: u32, now: u64, agenda: &mut Agenda) {
        match self {
            Self::Python(server) => server.has_checked(place, now, agenda),
            Self::Jarvisd(server) => server.has_checked(place, now, agenda),
        }
    }

    pub(super) fn pool_timed_out(&mut self, place: u32, ticket: u32, now: u64, agenda: &mut Agenda) {
        match self {
            Self::Python(server) => server.pool_timed_out(place, ticket, now, agenda),
            Self::Jarvisd(_) => {}
        }
    }

    /// How long it has been stalled with work in progress until `now`: the longest stall, and all of them
    /// together.
    pub(super) fn stalls(&self, now: u64) -> (u64, u64) {
        match self {
            Self::Python(server) => server.stalls.until(now),
            Self::Jarvisd(_) => (0, 0),
        }
    }
}

/// How long nothing has moved.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    since: Option<u64>,
    longest: u64,
    total: u64,
}

impl Stalls {
    pub(super) fn note(&mut self, stalled: bool, now: u64) {
        match (self.since, stalled) {
            (None, true) => self.since = Some(now),
            (Some(_), false) => {
                (self.longest, self.total) = self.until(now);
                self.since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    pub(super) fn until(&self, now: u64) -> (u64, u64) {
        let lasts = self.since.map_or(0, |since| now - since);
        (self.longest.max(lasts), self.total + lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::agenda::{Item, Status};
    use super::*;

    /// The time, the call, and its answer.
    type Answered = (u64, Call, Status);

    /// This many calls at once, and probes a second later: the answers, and the stalls.
    fn at_once(model: Model, calls: u32, probes: u32) -> (Vec<Answered>, (u64, u64)) {
        let mut agenda = Agenda::default();
        let mut server = Server::new(model, 2);
        for node in 0..calls + probes {
            let is_probe = node >= calls;
            let call = Call { node, serial: 1, is_probe };
            assert!(server.is_called(call, if is_probe { 1000 } else { 0 }, &mut agenda));
        }
        let mut answers = Vec::new();
        let mut end = 0;
        while let Some((now, item)) = agenda.next_before(u64::MAX) {
            match item {
                Item::Received(call) => server.receives(call, now, &mut agenda),
                Item::Checked(place) => server.has_checked(place, now, &mut agenda),
                Item::PoolTimedOut(place, ticket) => server.pool_timed_out(place, ticket, now, &mut agenda),
                Item::Answered(call, status) => answers.push((now, call, status)),
                Item::GivenUp(_) | Item::Calls { .. } => panic!("the server wakes nobody"),
            }
            end = now;
        }
        (answers, server.stalls(end))
    }

    #[test]
    fn up_to_fourteen_calls_are_answered_four_a_second() {
        let (answers, stalls) = at_once(Model::Measured, 1, 0);
        assert!(matches!(answers[..], [(480..=520, _, Status::Good)]), "{answers:?}");
        assert_eq!(stalls, (0, 0));
        let (answers, stalls) = at_once(Model::Measured, 14, 0);
        assert!(answers.iter().all(|(_, _, status)| *status == Status::Good), "{answers:?}");
        assert!((3400..3800).contains(&answers[13].0), "four a second: {answers:?}");
        assert_eq!(stalls, (0, 0));
    }

    #[test]
    fn fifteen_calls_deadlock_until_the_pools_time_out() {
        let (answers, (longest, _)) = at_once(Model::Measured, 15, 0);
        assert_eq!(answers.len(), 15);
        assert!(answers[0].0 > 30_000, "{answers:?}");
        assert!(answers.iter().any(|(_, _, status)| *status == Status::Failed), "{answers:?}");
        assert!((26_000..=30_000).contains(&longest), "{longest}");
    }

    #[test]
    fn probe_behind_forty_calls_waits_for_the_pools_time_out() {
        let opened = |calls| {
            let (answers, _) = at_once(Model::Measured, calls, 1);
            answers.iter().find(|(_, _, status)| *status == Status::Reachable).map(|(at, _, _)| *at)
        };
        assert!(opened(39).is_some_and(|at| at < 1100), "{:?}", opened(39));
        assert!(opened(40).is_some_and(|at| at > 28_000), "{:?}", opened(40));
    }

    #[test]
    fn jarvisd_checks_both_keys_at_first_and_none_again() {
        let (answers, _) = at_once(Model::Jarvisd, 1, 0);
        assert!(matches!(answers[..], [(200..=230, _, Status::Good)]), "{answers:?}");
        // All of a crowd check the app's key, because its check counts for others only once it has ended.
        let (answers, stalls) = at_once(Model::Jarvisd, 50, 1);
        assert!(answers.iter().all(|(_, _, status)| *status != Status::Failed), "{answers:?}");
        assert!((5000..5200).contains(&answers[50].0), "{answers:?}");
        // The probe waits for no core.
        assert_eq!((answers[0].1.is_probe, stalls), (true, (0, 0)));
    }
}
