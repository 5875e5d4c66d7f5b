//! Properties that hold whatever happens.

extern crate std;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The longest wait of an agent with the settings that are drawn here: after a hang, with the widest spread.
const LONGEST_WAIT: Duration = secs(1050);

fn read() -> impl Strategy<Value = Setup> {
    let grace = prop::sample::select(std::vec![0, 60, 3600, 86_400]);
    let splay = prop::sample::select(std::vec![0, 5, 600]);
    let spread = prop::sample::select(std::vec![1, 4, 150]);
    (any::<bool>(), 1..3_u64, grace, splay, spread, any::<bool>()).prop_map(|read| {
        let (other, stamp, grace, splay, spread, https) = read;
        let mut read = setup();
        read.claim = claim(if other { "attic-pi" } else { "kitchen-pi" }, stamp);
        read.settings.offline_grace = secs(grace);
        read.settings.start_splay = secs(splay);
        read.settings.spread = secs(spread);
        read.settings.clock_floor = https.then_some(UnixTime(BUILT));
        read
    })
}

fn event() -> impl Strategy<Value = Event> {
    let trouble = prop::sample::select(std::vec![
        TroubleKind::NameUnknown,
        TroubleKind::Stalled,
        TroubleKind::Busy,
        TroubleKind::Throttled,
        TroubleKind::AppRejected,
        TroubleKind::OtherNode,
        TroubleKind::Handshake,
    ]);
    let retry_after = prop::option::of(prop::sample::select(std::vec![0, 60, 300, 86_400, u64::MAX]));
    let inconclusive = (trouble, retry_after).prop_map(|(kind, retry_after)| {
        let trouble = Service::AUTH.trouble(kind, format_args!("as tested"));
        Event::Answered(Answer::Inconclusive { trouble, retry_after: retry_after.map(secs) })
    });
    prop_oneof![
        4 => Just(Event::DeadlineReached),
        4 => read().prop_map(|setup| Event::SetupRead(Ok(setup))),
        1 => Just(Event::SetupRead(Err(broken()))),
        4 => Just(Event::Answered(good())),
        2 => Just(Event::Answered(Answer::Reachable)),
        1 => Just(Event::Answered(rejected())),
        4 => inconclusive,
        1 => Just(Event::ReloadRequested),
    ]
}

/// Something that happens: after how long, what (`None`: a restart of the program), and whether the wall
/// clock is set by then.
type Happening = (Duration, Option<Event>, bool);

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let wait = prop_oneof![
        // At once, within the time of an answer, past every wait, past the offline grace period.
        4 => Just(0_u64),
        8 => 1..60_000_u64,
        4 => 60_000..700_000_u64,
        1 => 80_000_000..90_000_000_u64,
    ];
    let event = prop_oneof![24 => event().prop_map(Some), 1 => Just(None)];
    prop::collection::vec((wait.prop_map(Duration::from_millis), event, any::<bool>()), 1..80)
}

/// An independent account of what the server said, in the simplest form: it uses nothing of the agent's state.
#[derive(Default)]
struct Known {
    setup: Option<Setup>,
    /// The verdict, its claim, and when it was given.
    verdict: Option<(bool, Claim, Instant)>,
    /// Whether it was given in this run and no other answer has come since.
    undisturbed: bool,
    reading: bool,
    calling: bool,
    reloaded_in_call: bool,
    /// Whether the last event was the deadline.
    woken: bool,
}

impl Known {
    fn learn(&mut self, event: &Event, now: Instant) {
        self.woken = *event == Event::DeadlineReached;
        match event {
            Event::SetupRead(Ok(setup)) if self.reading => {
                self.reading = false;
                let holds = |(yes, claim, _): &(bool, Claim, Instant)| {
                    if *yes { claim.is_same_subject(&setup.claim) } else { *claim == setup.claim }
                };
                self.verdict = self.verdict.take().filter(holds);
                self.setup = Some(setup.clone());
            }
            Event::SetupRead(Err(_)) if self.reading => self.reading = false,
            // A probe gives no verdict.
            Event::Answered(answer) if self.calling => {
                self.calling = false;
                if core::mem::take(&mut self.reloaded_in_call) {
                    return;
                }
                let claim = self.setup.as_ref().expect("none is asked about without").claim.clone();
                match answer {
                    Answer::Valid(_) => self.verdict = Some((true, claim, now)),
                    Answer::Rejected(_) => self.verdict = Some((false, claim, now)),
                    Answer::Reachable => return,
                    Answer::Inconclusive { .. } => {}
                }
                self.undisturbed = !matches!(answer, Answer::Inconclusive { .. });
            }
            Event::ReloadRequested if self.calling => self.reloaded_in_call = true,
            Event::Started(_)
            | Event::SetupRead(_)
            | Event::Answered(_)
            | Event::DeadlineReached
            | Event::ReloadRequested
            | Event::StopRequested => {}
        }
    }

    /// How long ago the server accepted the node's present claim.
    fn yes(&self, now: Instant) -> Option<Duration> {
        let claim = &self.setup.as_ref()?.claim;
        self.verdict.as_ref().filter(|(yes, of, _)| *yes && of.is_same_subject(claim)).map(|v| now.since(v.2))
    }

    fn no(&self) -> bool {
        matches!((&self.verdict, &self.setup), (Some((false, of, _)), Some(setup)) if *of == setup.claim)
    }
}

/// An agent to which these things happen; `check` is asked after each of them.
fn live(
    happenings: Vec<Happening>,
    mut check: impl FnMut(&Scenario, &Known) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut scenario = Scenario::started();
    let mut known = Known { reading: true, ..Known::default() };
    for (wait, event, clock_set) in happenings {
        scenario.later(wait);
        scenario.now.wall = UnixTime(if clock_set { BUILT } else { 0 });
        let now = scenario.now.instant;
        let event = event.unwrap_or_else(|| {
            let verdict =
                scenario.agent.report(now).verdict.map(|(claim, verdict)| (claim.clone(), verdict.clone()));
            scenario.agent = Agent::new(now.as_millis());
            known = Known { verdict: known.verdict.take(), ..Known::default() };
            Event::Started(verdict.map(|(claim, verdict)| Remembered { claim, verdict }))
        });
        known.learn(&event, now);
        scenario.happens(event);
        if scenario.actions.iter().any(|action| matches!(action, Action::Exit(_))) {
            return Ok(());
        }
        let turns = scenario.wants(&Action::Validate) || scenario.wants(&Action::Probe);
        prop_assert!(!(known.calling && turns), "two calls at once");
        known.calling |= turns;
        known.reading |= scenario.wants(&Action::ReadSetup);
        if scenario.wants(&Action::ReadSetup) && known.calling {
            return Err(TestCaseError::fail("the setup is read during a call"));
        }
        check(&scenario, &known)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_needs_a_good_verdict_within_the_grace_period(happenings in happenings()) {
        live(happenings, |scenario, known| {
            let now = scenario.now.instant;
            let outcome = scenario.agent.report(now).outcome;
            let grace = known.setup.as_ref().map_or(Duration::ZERO, |setup| setup.settings.offline_grace);
            // Until the next answer is overdue, a good verdict counts whatever the offline grace period is.
            let fresh = grace.max(secs(330 + 30) + ANSWER_OVERDUE);
            let age = known.yes(now);
            match outcome {
                Outcome::Valid => {
                    prop_assert!(age.is_some_and(|age| age < fresh), "{age:?} of {grace:?}");
                    prop_assert!(known.undisturbed, "valid, but the last word was another");
                }
                Outcome::ValidCached => {
                    prop_assert!(age.is_some_and(|age| age < grace), "{age:?} of {grace:?}");
                }
                Outcome::NodeRejected => prop_assert!(known.no(), "rejected without a rejection"),
                Outcome::Starting
                | Outcome::Network
                | Outcome::Server
                | Outcome::AppRejected
                | Outcome::Tls
                | Outcome::Clock
                | Outcome::Setup => {
                    // A good verdict within the offline grace period is never forgotten.
                    prop_assert!(age.is_none_or(|age| age >= grace), "{outcome} {age:?} of {grace:?}");
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn agent_always_has_a_deadline_and_never_wakes_in_vain(happenings in happenings()) {
        live(happenings, |scenario, known| {
            let (now, deadline) = (scenario.now.instant, scenario.agent.deadline());
            prop_assert!(deadline.since(now) <= LONGEST_WAIT, "nothing for {:?}", deadline.since(now));
            let at_work = [Action::Validate, Action::Probe, Action::ReadSetup];
            let idle = !at_work.iter().any(|action| scenario.wants(action));
            prop_assert!(!known.woken || !idle || deadline > now, "woken for nothing");
            Ok(())
        })?;
    }

    #[test]
    fn claim_stays_known_whatever_the_server_says(happenings in happenings()) {
        live(happenings, |scenario, known| {
            let claim = scenario.agent.report(scenario.now.instant).claim;
            prop_assert_eq!(claim, known.setup.as_ref().map(|setup| &setup.claim));
            Ok(())
        })?;
    }

    #[test]
    fn wall_clock_moves_no_timer(happenings in happenings(), years in prop::collection::vec(0..60_u64, 80)) {
        const YEAR: u64 = 31_557_600;
        let (mut steady, mut jumping) = (Scenario::started(), Scenario::started());
        for ((wait, event, clock_set), years) in happenings.into_iter().zip(years) {
            let Some(event) = event else { continue };
            for scenario in [&mut steady, &mut jumping] {
                scenario.later(wait);
            }
            // On the same side of the moment before which it is not set, and else anywhere.
            steady.now.wall = UnixTime(if clock_set { BUILT } else { BUILT - 1 });
            let elsewhere = if clock_set { BUILT + years * YEAR } else { BUILT.saturating_sub(1 + years * YEAR) };
            jumping.now.wall = UnixTime(elsewhere);
            for scenario in [&mut steady, &mut jumping] {
                scenario.happens(event.clone());
            }
            prop_assert_eq!(&steady.actions, &jumping.actions);
            prop_assert_eq!(steady.agent.deadline(), jumping.agent.deadline());
            let now = steady.now.instant;
            prop_assert_eq!(steady.agent.report(now), jumping.agent.report(now));
        }
    }

    #[test]
    fn stopped_agent_does_nothing_more(happenings in happenings(), after in event()) {
        let mut scenario = Scenario::started();
        for (wait, event, _) in happenings {
            scenario.later(wait);
            if let Some(event) = event {
                scenario.happens(event);
            }
        }
        scenario.happens(Event::StopRequested);
        scenario.happens(after);
        prop_assert!(scenario.actions.is_empty());
    }
}
