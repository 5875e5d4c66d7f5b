//! What is to happen, in the order of time.

use core::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// One call of one node. A node that has given up on a call makes the next under another serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) node: u32,
    pub(super) serial: u32,
    /// It only asks whether anybody is in.
    pub(super) knocks: bool,
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
    /// A node's deadline.
    Woken(u32),
}

/// What a node is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Good,
    /// Somebody is in.
    Open,
    Failed,
    /// The connection could not be made in time.
    NotAccepted,
    /// The server went away over it.
    Cut,
}

/// What is to happen, in milliseconds since the start. Most of it is due the later the later it was added,
/// and need not be sorted.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    sorted: BinaryHeap<Reverse<(u64, Item)>>,
    received: VecDeque<(u64, Item)>,
    given_up: VecDeque<(u64, Item)>,
}

impl Agenda {
    pub(super) fn add(&mut self, at: u64, item: Item) {
        let lane = match item {
            Item::Received(_) => &mut self.received,
            Item::GivenUp(_) => &mut self.given_up,
            Item::Checked(_) | Item::PoolTimedOut(..) | Item::Answered(..) | Item::Woken(_) => {
                return self.sorted.push(Reverse((at, item)));
            }
        };
        if lane.back().is_none_or(|last| *last <= (at, item)) {
            lane.push_back((at, item));
        } else {
            self.sorted.push(Reverse((at, item)));
        }
    }

    /// What is next, if it comes before `end`.
    pub(super) fn next_before(&mut self, end: u64) -> Option<(u64, Item)> {
        let sorted = self.sorted.peek().map(|Reverse(next)| *next);
        let (received, given_up) = (self.received.front().copied(), self.given_up.front().copied());
        let next = [sorted, received, given_up].into_iter().flatten().min().filter(|(at, _)| *at < end)?;
        if sorted == Some(next) {
            self.sorted.pop();
        } else if received == Some(next) {
            self.received.pop_front();
        } else {
            self.given_up.pop_front();
        }
        Some(next)
    }

    /// Forgets what the server has under way, since it is gone.
    pub(super) fn forget_the_server(&mut self) {
        self.received.clear();
        self.sorted.retain(|Reverse((_, item))| match item {
            Item::Received(_) | Item::Checked(_) | Item::PoolTimedOut(..) => false,
            Item::Answered(..) | Item::GivenUp(_) | Item::Woken(_) => true,
        });
    }
}
