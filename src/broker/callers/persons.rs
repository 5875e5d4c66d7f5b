//! Which person is behind a user number. With user namespaces a person can act under thousands of numbers, which
//! /etc/subuid gives away (subuid(5)); a person without such a line can only act under its own (user_namespaces(7)).

use std::ops::Range;
use std::path::Path;

use crate::files::bounded;
use crate::system::accounts::Accounts;

/// The numbers that belong to other users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::broker) struct Persons(Vec<(Range<u32>, u32)>);

impl Persons {
    /// Reads /etc/subuid. Without it every number is a person.
    pub(in crate::broker) fn read(accounts: &Accounts) -> Self {
        // A broken file must not keep callers from their tokens.
        let text = bounded::read(Path::new("/etc/subuid"), bounded::MAX_TEXT).unwrap_or_default();
        Self::of(&String::from_utf8_lossy(&text), accounts)
    }

    fn of(text: &str, accounts: &Accounts) -> Self {
        let line = |line: &str| {
            let mut fields = line.split(':').map(str::trim);
            let owner = fields.next()?;
            let owner = accounts.user(owner).or_else(|| owner.parse().ok())?;
            let start: u32 = fields.next()?.parse().ok()?;
            let count: u32 = fields.next()?.parse().ok()?;
            Some((start..start.saturating_add(count), owner))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// The user number of the person who acts as `uid`.
    pub(in crate::broker) fn behind(&self, uid: u32) -> u32 {
        self.0.iter().find(|(numbers, _)| numbers.contains(&uid)).map_or(uid, |(_, owner)| *owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subordinate_number_belongs_to_its_owner() {
        let accounts = Accounts::of("pi:x:1000:1000::/:/x\nann:x:1001:1001::/:/x\n", "");
        let text = "pi:100000:65536\n# a comment\nann:165536:65536\n1002:231072:1\nghost:300000:5\nbroken:x:1\npi:5\n\
            ann:4294967290:65536";
        let persons = Persons::of(text, &accounts);
        for (uid, person) in [
            (1000, 1000),
            (100_000, 1000),
            (165_535, 1000),
            (165_536, 1001),
            (231_071, 1001),
            (231_072, 1002),
            (231_073, 231_073),
            (300_000, 300_000),
            (0, 0),
            (4_294_967_291, 1001),
        ] {
            assert_eq!(persons.behind(uid), person, "{uid}");
        }
        assert_eq!(Persons::default().behind(100_000), 100_000);
    }
}
