//! How callers share what there is of connections, memory and exchanges.

use super::Caller;
use super::persons::Persons;
use crate::broker::rules::Rules;

/// What a caller is to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Standing {
    Root,
    /// A rule allows it something.
    Member,
    /// No rule allows it anything: it can ask for the node's state only.
    Stranger,
}

/// The person to whom something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) struct Owner {
    pub(in crate::broker) standing: Standing,
    /// The person's user number.
    pub(in crate::broker) person: u32,
}

impl Owner {
    /// The person behind `caller`.
    pub(in crate::broker) fn of(caller: Caller, rules: &Rules, persons: &Persons) -> Self {
        let standing = match caller.uid {
            0 => Standing::Root,
            _ if rules.admit(caller) => Standing::Member,
            _ => Standing::Stranger,
        };
        Self { standing, person: persons.behind(caller.uid) }
    }
}

/// The most that one person may have of `all`, of which other persons have `others`: half of the rest. The first may
/// have a half of all, the next a quarter, and so on: it takes many persons together to leave nothing.
pub(in crate::broker) const fn share(all: usize, others: usize) -> usize {
    all.saturating_sub(others).div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_leaves_something_to_many_others() {
        let mut taken = 0;
        let shares = [(); 9].map(|()| {
            let share = share(128, taken);
            taken += share;
            share
        });
        assert_eq!(shares, [64, 32, 16, 8, 4, 2, 1, 1, 0]);
    }
}
