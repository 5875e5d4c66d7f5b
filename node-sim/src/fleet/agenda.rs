//! What is to happen, in the order of time.

use std::collections::BTreeMap;

/// One call of one node. A node that has given up on a call makes the next under another serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) node: u32,
    pub(super) serial: u32,
    /// It only asks whether anybody is in.
    pub(super) is_probe: bool,
}

/// What is to happen. What is named first comes first where two things are due in the same millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// The server takes a request off the network.
    Received(Call),
    /// A check of a key in this place of the server is done.
    Checked(u32),
    /// A wait for a connection of the pool, in this place and under this number, has lasted too long.
    PoolTimedOut(u32, u32),
    /// An answer reaches its node.
    Answered(Call, Status),
    /// A node has waited long enough for an answer.
    GivenUp(Call),
    /// A node turns to the server.
    Woken(u32, Turn),
}

/// How a node turns to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// It asks about itself.
    Validate,
    /// It asks whether anybody is in.
    Probe,
}

/// What a node is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Good,
    /// Somebody is in.
    Reachable,
    Failed,
    /// The connection could not be made in time.
    NotAccepted,
    /// The server went away over it.
    Cut,
}

/// What is to happen, in milliseconds since the start.
///
/// A timing wheel: each millisecond of the next minute has a slot, and what comes later waits by the minute.
/// Adding and taking cost the same for a hundred thousand nodes as for one; only what is due in the same
/// millisecond is sorted.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Nothing is left from before this.
    now: u64,
    /// What is due now, the last first.
    due: Vec<Item>,
    /// The first entry of each millisecond from now on, by its last 16 bits.
    slots: Vec<u32>,
    /// Which slots have an entry.
    taken: Vec<u64>,
    /// The first entry of each [`SPAN`] after that.
    later: BTreeMap<u64, u32>,
    entries: Vec<Entry>,
    /// The first entry that is not in use.
    free: u32,
}

/// A link of a slot's chain.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    item: Item,
    next: u32,
}

/// Milliseconds that have a slot each.
const SPAN: u64 = 1 << 16;
const NONE: u32 = u32::MAX;

impl Default for Agenda {
    fn default() -> Self {
        Self {
            now: 0,
            due: Vec::new(),
            slots: vec![NONE; slot(SPAN - 1) + 1],
            taken: vec![0; slot(SPAN - 1) / 64 + 1],
            later: BTreeMap::new(),
            entries: Vec::new(),
            free: NONE,
        }
    }
}

const fn slot(at: u64) -> usize {
    (at % SPAN) as usize
}

impl Agenda {
    /// Adds what is due `at` this time, or now if that is past.
    pub(super) fn add(&mut self, at: u64, item: Item) {
        if at <= self.now {
            let place = self.due.partition_point(|other| *other > item);
            return self.due.insert(place, item);
        }
        let entry = self.free;
        if let Some(unused) = self.entries.get_mut(entry as usize) {
            self.free = unused.next;
            *unused = Entry { at, item, next: NONE };
            self.link(entry);
        } else {
            // Four billion entries would need 128 GB.
            let new = u32::try_from(self.entries.len()).unwrap_or(NONE);
            self.entries.push(Entry { at, item, next: NONE });
            self.link(new);
        }
    }

    fn link(&mut self, entry: u32) {
        let Entry { at, next, .. } = &mut self.entries[entry as usize];
        let first = if *at - self.now < SPAN {
            self.taken[slot(*at) / 64] |= 1 << (slot(*at) % 64);
            &mut self.slots[slot(*at)]
        } else {
            self.later.entry(*at / SPAN).or_insert(NONE)
        };
        *next = *first;
        *first = entry;
    }

    /// What is next, if it comes before `end`.
    pub(super) fn next_before(&mut self, end: u64) -> Option<(u64, Item)> {
        while self.due.is_empty() {
            let soon = self.next_slot();
            let later = self.later.first_key_value().map_or(u64::MAX, |(span, _)| span * SPAN);
            if soon.min(later) >= end {
                return None;
            }
            self.now = soon.min(later);
            if later <= soon {
                let first = self.later.pop_first().map_or(NONE, |(_, first)| first);
                self.spread(first);
            } else {
                self.make_due(slot(soon));
            }
        }
        if self.now >= end {
            return None;
        }
        self.due.pop().map(|item| (self.now, item))
    }

    /// When the next slot with an entry is due, at or after `now`.
    fn next_slot(&self) -> u64 {
        let here = slot(self.now);
        let words = self.taken.len();
        let first = self.taken[here / 64] & (u64::MAX << (here % 64));
        if first != 0 {
            return self.now + u64::from(first.trailing_zeros()) - here as u64 % 64;
        }
        // The first word comes again last, for what is due a whole turn later.
        let after = (1..=words).find(|by| self.taken[(here / 64 + by) % words] != 0);
        after.map_or(u64::MAX, |by| {
            let bit = self.taken[(here / 64 + by) % words].trailing_zeros();
            self.now - here as u64 % 64 + 64 * by as u64 + u64::from(bit)
        })
    }

    /// Gives each entry of this chain its slot.
    fn spread(&mut self, mut entry: u32) {
        while entry != NONE {
            let next = self.entries[entry as usize].next;
            self.link(entry);
            entry = next;
        }
    }

    fn make_due(&mut self, slot: usize) {
        self.taken[slot / 64] &= !(1 << (slot % 64));
        let mut entry = core::mem::replace(&mut self.slots[slot], NONE);
        while entry != NONE {
            let Entry { item, next, .. } = &mut self.entries[entry as usize];
            self.due.push(*item);
            let after = core::mem::replace(next, self.free);
            self.free = entry;
            entry = after;
        }
        self.due.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Forgets what the server has under way, since it is gone.
    pub(super) fn forget_the_server(&mut self) {
        let mut before = core::mem::replace(self, Self { now: self.now, ..Self::default() });
        while let Some((at, item)) = before.next_before(u64::MAX) {
            match item {
                Item::Received(_) | Item::Checked(_) | Item::PoolTimedOut(..) => {}
                Item::Answered(..) | Item::GivenUp(_) | Item::Woken(..) => self.add(at, item),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail")]

    use core::cmp::Reverse;
    use core::time::Duration;
    use std::collections::BinaryHeap;

    use node_core::jitter::Jitter;
    use node_core::time::millis;

    use super::*;

    fn any_item(random: &mut impl FnMut(u64) -> u64) -> Item {
        let mut small = || u32::try_from(random(4)).unwrap();
        let call = Call { node: small(), serial: small(), is_probe: small() == 0 };
        match small() + small() {
            0 => Item::Received(call),
            1 => Item::Checked(call.node),
            2 => Item::PoolTimedOut(call.node, call.serial),
            3 => Item::Answered(call, Status::Good),
            4 => Item::Answered(call, Status::Cut),
            5 => Item::GivenUp(call),
            _ => Item::Woken(call.node, Turn::Validate),
        }
    }

    /// Against a queue that sorts everything.
    #[test]
    fn items_come_in_order_whatever_is_added_meanwhile() {
        for seed in 0..10 {
            let mut jitter = Jitter::new(seed);
            let mut random = |below: u64| millis(jitter.up_to(Duration::from_millis(below - 1)));
            let (mut agenda, mut sorted) = (Agenda::default(), BinaryHeap::new());
            let (mut now, mut end) = (0, 0);
            for _ in 0..2000 {
                for _ in 0..random(4) {
                    let reach = [3, 100, 2 * SPAN, 40 * SPAN, 1 << 40][usize::try_from(random(5)).unwrap()];
                    let (at, item) = (now + random(reach), any_item(&mut random));
                    agenda.add(at, item);
                    sorted.push(Reverse((at, item)));
                }
                if random(200) == 0 {
                    agenda.forget_the_server();
                    sorted.retain(|Reverse((_, item))| {
                        matches!(item, Item::Answered(..) | Item::GivenUp(_) | Item::Woken(..))
                    });
                }
                if random(3) == 0 {
                    end = now + random(3 * SPAN);
                }
                for _ in 0..random(6) {
                    let next = sorted.peek().map(|Reverse(next)| *next).filter(|(at, _)| *at < end);
                    assert_eq!(agenda.next_before(end), next, "seed {seed}");
                    let Some((at, _)) = next else {
                        now = end.max(now);
                        break;
                    };
                    sorted.pop();
                    now = at;
                }
            }
        }
    }

    #[test]
    fn room_of_taken_items_is_used_again() {
        let mut agenda = Agenda::default();
        for at in 1..100_000 {
            agenda.add(at * 10, Item::Woken(1, Turn::Validate));
            assert_eq!(agenda.next_before(u64::MAX), Some((at * 10, Item::Woken(1, Turn::Validate))));
        }
        assert_eq!(agenda.entries.len(), 1);
    }
}
