//! Invariants that hold after any sequence of operations.

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Ask(u8),
    AskAgain(u8),
    Pass(u64),
    Fetch,
    Answer(Outcome),
    Forget(u8),
    StartOver,
}

#[derive(Clone, Debug)]
enum Outcome {
    Token(u64),
    Away,
    Overload(Option<u64>),
    Refused(u16, &'static str),
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        6 => (1..900_u64).prop_map(Outcome::Token),
        2 => Just(Outcome::Away),
        1 => prop::option::of(0..1000_u64).prop_map(Outcome::Overload),
        1 => prop_oneof![Just((401, "invalid_client")), Just((400, "invalid_client")), Just((400, "invalid_scope"))]
            .prop_map(|(status, error)| Outcome::Refused(status, error)),
    ];
    prop_oneof![
        8 => any::<u8>().prop_map(Op::Ask),
        2 => any::<u8>().prop_map(Op::AskAgain),
        6 => prop_oneof![0..2000_u64, 0..400_000_u64].prop_map(Op::Pass),
        6 => Just(Op::Fetch),
        6 => outcome.prop_map(Op::Answer),
        1 => any::<u8>().prop_map(Op::Forget),
        1 => Just(Op::StartOver),
    ]
}

/// A model of the cache, from what is known outside it.
#[derive(Default)]
struct Model {
    /// By fingerprint: the number of the token's `Wanted`.
    owners: BTreeMap<Box<str>, usize>,
    /// By waiting caller: the number of its `Wanted`.
    waiting: BTreeMap<u32, usize>,
    /// Those that were asked for since they were last fetched.
    asked: BTreeSet<usize>,
    next_waiter: u32,
    in_flight: Option<(usize, Instant)>,
    outdated: bool,
    client_refused: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_for_any_sequence_of_operations(seed: u64, ops in prop::collection::vec(op(), 1..200)) {
        let wanted: Vec<Wanted> = (0..6)
            .map(|i| if i < 3 { plain(&format!("{i}")) } else { exchange("x", &format!("{i}")) })
            .collect();
        let number = |w: &Wanted| wanted.iter().position(|one| one == w).expect("one of them");
        let (mut cache, mut model) = (TokenCache::new(seed), Model::default());
        let (mut now, mut serial) = (at(1000), 0);
        for op in ops {
            match op {
                Op::Pass(ms) => now = now + Duration::from_millis(ms),
                Op::Ask(which) | Op::AskAgain(which) => {
                    let which = usize::from(which) % wanted.len();
                    let waiter = model.next_waiter;
                    model.next_waiter += 1;
                    let asked = if matches!(op, Op::Ask(_)) {
                        cache.ask(&wanted[which], waiter, now)
                    } else {
                        let any = model.owners.iter().filter(|(_, of)| **of == which).map(|(f, _)| f.clone()).next_back();
                        cache.ask_again(&wanted[which], any.as_deref().unwrap_or("none"), waiter, now)
                    };
                    model.asked.insert(which);
                    match &asked {
                        Asked::Held(token) => {
                            prop_assert!(now < token.expires(), "{now:?} {token:?}");
                            prop_assert_eq!(model.owners.get(token.fingerprint()), Some(&which));
                        }
                        Asked::Waiting => {
                            prop_assert!(!model.client_refused);
                            prop_assert_eq!(model.waiting.insert(waiter, which), None);
                        }
                        Asked::Failed { retry_in, .. } => {
                            prop_assert!(retry_in.is_none_or(|wait| !wait.is_zero() && wait <= S(330)));
                        }
                        Asked::Full => prop_assert!(false, "there is room for six"),
                    }
                }
                Op::Fetch => {
                    let deadline = cache.deadline();
                    let request = cache.next_request(now);
                    prop_assert_eq!(request.is_some(), deadline.is_some_and(|deadline| deadline <= now));
                    if let Some(request) = request {
                        prop_assert_eq!(model.in_flight, None);
                        prop_assert!(!model.client_refused, "asked for though the client is refused");
                        let which = number(&request);
                        let needed = model.asked.contains(&which) || model.waiting.values().any(|w| *w == which);
                        prop_assert!(needed, "nobody needs it");
                        model.in_flight = Some((which, now));
                    }
                }
                Op::Answer(outcome) => {
                    let Some((which, sent)) = model.in_flight.take() else { continue };
                    serial += 1;
                    let result = match outcome {
                        Outcome::Token(life) => Ok(token(serial, sent, S(life))),
                        Outcome::Away => Err(away()),
                        Outcome::Overload(after) => Err(failed(503, after.map(S))),
                        Outcome::Refused(status, error) => Err(refused(status, error)),
                    };
                    let outdated = std::mem::take(&mut model.outdated);
                    let good = match &result {
                        Ok(token) => {
                            model.owners.insert(token.fingerprint().into(), which);
                            now < token.expires()
                        }
                        Err(error) => {
                            model.client_refused |= error.concern() == Concern::Client && !outdated;
                            false
                        }
                    };
                    let told = cache.fetched(&wanted[which], result, now);
                    if !outdated {
                        if good {
                            model.asked.remove(&which);
                        }
                        prop_assert!(!model.waiting.values().any(|w| *w == which) || !told.is_empty());
                    }
                    for (waiter, asked) in told {
                        let waited_for = model.waiting.remove(&waiter);
                        prop_assert!(waited_for.is_some(), "told though it did not wait");
                        if let Asked::Held(token) = &asked {
                            prop_assert!(now < token.expires());
                            prop_assert_eq!(model.owners.get(token.fingerprint()).copied(), waited_for);
                        } else {
                            prop_assert!(matches!(asked, Asked::Failed { .. }), "{asked:?}");
                        }
                    }
                    prop_assert!(outdated || !model.waiting.values().any(|w| *w == which), "left waiting");
                }
                Op::Forget(n) => {
                    let gone = model.waiting.keys().nth(usize::from(n) % 8).copied();
                    if let Some(gone) = gone {
                        cache.forget(&gone);
                        model.waiting.remove(&gone);
                    }
                }
                Op::StartOver => {
                    cache.start_over();
                    model.outdated = model.in_flight.is_some();
                    model.client_refused = false;
                    model.owners.clear();
                }
            }
            // Each waiting caller waits for a request that will be made.
            if !model.waiting.is_empty() && model.in_flight.is_none() {
                prop_assert!(cache.deadline().is_some_and(|deadline| deadline <= now + S(330)));
            }
            prop_assert!(cache.entries.len() <= wanted.len());
        }
    }
}
