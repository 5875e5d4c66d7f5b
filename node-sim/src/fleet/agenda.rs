//! The simulation's queue of items, in the order of time.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// One call or probe of one node. After giving up on a call, the node makes the next one under another serial
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) node: u32,
    pub(super) serial: u32,
    pub(super) is_probe: bool,
}

/// An item of the simulation. Of two that are due in the same millisecond, the one listed first here comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// The server reads a request from the network.
    Received(Call),
    /// The check of a key, of this number in the server, has ended.
    Checked(u32),
    /// The wait for a connection of the pool, in this place and under this number, has reached its time-out.
    PoolTimedOut(u32, u32),
    /// An answer reaches its node.
    Answered(Call, Status),
    /// A node gives up waiting for an answer.
    GivenUp(Call),
    /// A node makes a call, or a probe.
    Calls { node: u32, is_probe: bool },
}

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Good,
    /// A probe was answered.
    Reachable,
    /// The service failed: 500.
    Failed,
    /// There is no connection to the server.
    Unreachable,
    /// A proxy gets no answer from the service.
    Unserved,
}

/// How many milliseconds make a slice of [`Agenda`].
const SLICE: u64 = 128;

/// The items that are still to come, in milliseconds since the start. Only those of the present slice of time are sorted: a
/// heap of all items of a large fleet would be larger than the processor's cache.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    now: u64,
    /// The slice whose items are in `due`.
    slice: u64,
    due: BinaryHeap<Reverse<(u64, Item)>>,
    /// The items of each slice after that.
    later: BTreeMap<u64, Vec<Reverse<(u64, Item)>>>,
}

impl Agenda {
    /// Adds an item that is due `at` this time, or now if that is past.
    pub(super) fn add(&mut self, at: u64, item: Item) {
        let at = at.max(self.now);
        let slice = at / SLICE;
        if slice <= self.slice {
            self.due.push(Reverse((at, item)));
        } else {
            self.later.entry(slice).or_default().push(Reverse((at, item)));
        }
    }

    /// The next item, if it is due before `end`.
    pub(super) fn next_before(&mut self, end: u64) -> Option<(u64, Item)> {
        if self.due.is_empty() {
            let (slice, items) = self.later.pop_first()?;
            self.slice = slice;
            self.due = items.into();
        }
        let Reverse((at, _)) = self.due.peek()?;
        if *at >= end {
            return None;
        }
        let Reverse((at, item)) = self.due.pop()?;
        self.now = at;
        Some((at, item))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "small numbers")]

    use core::time::Duration;
    use std::collections::BTreeSet;

    use node_core::jitter::Jitter;
    use node_core::time::millis;

    use super::*;

    const CALL: Call = Call { node: 1, serial: 1, is_probe: false };

    fn all(agenda: &mut Agenda) -> Vec<(u64, Item)> {
        core::iter::from_fn(|| agenda.next_before(u64::MAX)).collect()
    }

    #[test]
    fn items_come_by_time_and_then_in_the_order_of_their_kinds() {
        let mut agenda = Agenda::default();
        for (at, item) in
            [(7, Item::GivenUp(CALL)), (7, Item::Checked(2)), (7, Item::Checked(1)), (3, Item::GivenUp(CALL))]
        {
            agenda.add(at, item);
        }
        assert_eq!(agenda.next_before(3), None);
        assert_eq!(agenda.next_before(4), Some((3, Item::GivenUp(CALL))));
        assert_eq!(
            all(&mut agenda),
            [(7, Item::Checked(1)), (7, Item::Checked(2)), (7, Item::GivenUp(CALL))]
        );
    }

    #[test]
    fn items_of_many_slices_come_sorted_whatever_is_added() {
        let mut random = Jitter::new(1);
        let mut below = |limit: u64| millis(random.up_to(Duration::from_millis(limit - 1)));
        let (mut agenda, mut sorted) = (Agenda::default(), BTreeSet::new());
        let mut now = 0;
        for number in 0..5000 {
            for part in 0..below(3) {
                let reach = [2, SLICE, 40 * SLICE, 1 << 40][below(4) as usize];
                let at = now + below(reach);
                let item = Item::PoolTimedOut(number, part as u32);
                agenda.add(at, item);
                sorted.insert((at, item));
            }
            let end = now + below(3 * SLICE);
            let next = sorted.first().copied().filter(|(at, _)| *at < end);
            assert_eq!(agenda.next_before(end), next, "{number}");
            now = next.map_or(now, |(at, _)| at);
            sorted.remove(&next.unwrap_or((0, Item::Checked(0))));
        }
        assert_eq!(all(&mut agenda), sorted.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn item_of_the_past_is_due_now() {
        let mut agenda = Agenda::default();
        agenda.add(5, Item::Checked(1));
        assert_eq!(agenda.next_before(6), Some((5, Item::Checked(1))));
        agenda.add(2, Item::Checked(2));
        assert_eq!(all(&mut agenda), [(5, Item::Checked(2))]);
    }
}
