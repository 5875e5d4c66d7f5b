//! What holds whatever happens.

extern crate std;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn event() -> impl Strategy<Value = Event> {
    let trouble = prop::sample::select(std::vec![
        TroubleKind::NameUnknown,
        TroubleKind::Stalled,
        TroubleKind::Busy,
        TroubleKind::AppRejected,
        TroubleKind::OtherNode,
        TroubleKind::Handshake,
    ]);
    let read = (any::<bool>(), 1..3_u64, prop::sample::select(std::vec![0, 60, 86_400])).prop_map(
        |(other, stamp, grace)| {
            let mut read = setup();
            read.claim = claim(if other { "attic-pi" } else { "kitchen-pi" }, stamp);
            read.settings.offline_grace = secs(grace);
            Event::SetupRead(Ok(read))
        },
    );
    prop_oneof![
        4 => Just(Event::DeadlineReached),
        4 => read,
        1 => Just(Event::SetupRead(Err(broken()))),
        4 => Just(Event::Answered(good())),
        2 => Just(Event::Answered(denied())),
        4 => trouble.prop_map(|kind| Event::Answered(inconclusive(kind))),
        1 => Just(Event::ReloadRequested),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_agent_is_never_lost(events in prop::collection::vec((event(), 0..400_u64, any::<bool>()), 1..60)) {
        let mut scenario = Scenario::started();
        let mut calls_under_way = 0;
        let mut last_yes: Option<Instant> = None;
        let mut seen = Vec::new();
        for (event, wait, clock_set) in events {
            scenario.later(secs(wait));
            scenario.now.wall = UnixTime(if clock_set { BUILT } else { 0 });
            let before = scenario.agent.report(scenario.now.instant).outcome;
            let counts = calls_under_way == 1;
            if let Event::Answered(answer) = &event {
                calls_under_way = 0;
                if counts && matches!(answer, Answer::Valid(_)) {
                    last_yes = Some(scenario.now.instant);
                }
            }
            let denial = matches!(event, Event::Answered(Answer::Denied(_)));
            scenario.happens(event.clone());
            calls_under_way += usize::from(scenario.wants(&Action::Validate));
            prop_assert!(calls_under_way <= 1, "two calls at once: {seen:?}");
            if scenario.actions.iter().any(|action| matches!(action, Action::Exit(_))) {
                break;
            }

            let now = scenario.now.instant;
            let after = scenario.agent.report(now).outcome;
            let accepted = |outcome| matches!(outcome, Outcome::Valid | Outcome::ValidCached);
            if accepted(after) {
                let age = last_yes.map(|at| now.since(at));
                prop_assert!(age.is_some_and(|age| age <= secs(86_400)), "{age:?} {seen:?}");
            }
            if accepted(before) && !accepted(after) {
                // Of what was drawn, only a denial, another node or a shorter grace may do that.
                prop_assert!(denial || matches!(event, Event::SetupRead(Ok(_))) || has_short_grace(&scenario));
            }
            let idle = !scenario.wants(&Action::Validate) && !scenario.wants(&Action::ReadSetup);
            if idle && matches!(event, Event::DeadlineReached) {
                prop_assert!(scenario.agent.deadline() > now, "woken for nothing: {event:?} {seen:?}");
            }
            seen.push(event);
        }
    }
}

fn has_short_grace(scenario: &Scenario) -> bool {
    scenario.agent.setup.as_ref().is_some_and(|setup| setup.settings.offline_grace < secs(86_400))
}
