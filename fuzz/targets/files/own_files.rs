//! The state file and the status record, which a failing card or a person may have changed.
#![no_main]

use std::sync::LazyLock;

use jarvis_node::files::state::{NodeState, Observed};
use jarvis_node::files::status::Record;
use jarvis_node::fuzzing::parse_serial;
use jarvis_node::system::clock;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::time::{Instant, UnixTime};

const NOON: u64 = 1_800_000_000;
static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|input: &[u8]| {
    let [state, record, serial] = parts::<3>(input);
    let serial = parse_serial(serial);
    assert!(
        serial
            .as_ref()
            .is_none_or(|s| (1..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic()))
    );
    state_file(&NodeState::load(&SCRATCH.put("state.json", state)), serial.as_deref());
    status_file(record);
});

fn state_file(state: &NodeState, serial: Option<&str>) {
    assert!(state.clock_floor() >= clock::build_time());
    for (server, wall) in [(Some(NOON), NOON + 9), (None, NOON), (Some(u64::MAX), u64::MAX), (Some(0), 0)] {
        let shown = Observed { accepted: true, server_time: server.map(UnixTime), wall: UnixTime(wall) };
        let Some(next) = state.after(shown, serial) else { continue };
        assert_ne!(&next, state, "written for nothing");
        assert!(next.passed >= state.passed, "time went back: {state:?} {next:?}");
        assert!(next.passed == state.passed || next.passed <= Some(wall));
        assert!(state.board.is_none() || next.board == state.board, "the board was replaced");
        next.save(&SCRATCH.path("next.json")).expect("saved");
        assert_eq!(NodeState::load(&SCRATCH.path("next.json")), next);
    }
}

fn status_file(text: &[u8]) {
    let Ok(record) = Record::load(&SCRATCH.put("status.json", text)) else { return };
    let boot_id = object(text).and_then(|record| Some(record.get("boot_id")?.as_str()?.to_owned()));
    let Some(boot_id) = boot_id else { return };
    for now in [0, 600_000, u64::MAX] {
        let now = Instant::from_millis(now);
        let view = record.view(&boot_id, now);
        assert!(view.in_words().lines().count() <= 2, "{}", view.in_words());
        let unfit = |c: char| c.is_control() && c != '\n';
        assert!(!view.in_words().contains(unfit), "{:?}", view.in_words());
        let elsewhere = record.view("another boot", now);
        assert_eq!((elsewhere.age_secs, elsewhere.next_check_secs), (None, None));
        let _ = record.staleness(&boot_id, now);
    }
    record.save(&SCRATCH.path("again.json")).expect("saved");
    let again = Record::load(&SCRATCH.path("again.json")).expect("a record");
    assert_eq!(again.view(&boot_id, Instant::default()), record.view(&boot_id, Instant::default()));
    assert!(again.remembered("another boot", Instant::default()).is_none());
    let _ = record.remembered(&boot_id, Instant::from_millis(u64::MAX));
}
