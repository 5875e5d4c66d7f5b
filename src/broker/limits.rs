//! How much each caller may have: connections, kept bytes, exchanges under way.

use std::os::unix::net::UnixStream;

use super::callers::{Owner, Standing, share};
use super::connection::Connection;

/// The most connections at once. Each takes at most two blocks of the system's memory ([`super::answer::BLOCK`]) and some
/// 1.5 KB for itself: all together stay well within the memory that the unit allows.
pub(super) const MAX_CONNECTIONS: usize = 1088;
/// Descriptors for everything else.
pub(super) const SPARE_DESCRIPTORS: usize = 64;
/// One in this many of them is left for root.
const FOR_ROOT: usize = 17;
/// So many times more are for users whom no rule allows anything. They have no others.
const STRANGERS: usize = 2;
/// The most different exchanges that may be waited for: no more than the cache keeps.
const MAX_EXCHANGES: usize = 48;

/// The most bytes that are kept of unfinished requests of callers of one standing.
const fn max_kept(standing: Standing) -> usize {
    match standing {
        Standing::Root | Standing::Stranger => 64 * 1024,
        Standing::Member => 128 * 1024,
    }
}

/// How many connections there may be if this program may have `allowed` descriptors. Even if they are too few, there are
/// some: the others are not all in use at once.
pub(super) fn max_connections(allowed: usize) -> usize {
    allowed.saturating_sub(SPARE_DESCRIPTORS).max(allowed / 4).clamp(1, MAX_CONNECTIONS)
}

/// Whether `owner` may have another connection besides `all`, of which there may be `max`.
pub(super) fn has_room(all: &[Connection<UnixStream>], owner: Owner, max: usize) -> bool {
    let root = max / FOR_ROOT;
    let theirs = match owner.standing {
        Standing::Root => return all.len() < max,
        Standing::Stranger => root * STRANGERS,
        Standing::Member => max - root - root * STRANGERS,
    };
    let (own, others) = count(all, owner, |_| 1);
    all.len() < max && own < share(theirs, others)
}

/// How many bytes may be kept of an unfinished request on the connection `one` of `all`.
pub(super) fn room_to_keep(all: &[Connection<UnixStream>], one: &Connection<UnixStream>) -> usize {
    let most = max_kept(one.owner.standing);
    let (own, others) = count(all, one.owner, Connection::held);
    let most = if one.owner.standing == Standing::Root { most } else { share(most, others) };
    (most + one.held()).saturating_sub(own)
}

/// Whether `owner` waits for more different exchanges than it may.
pub(super) fn has_too_many_exchanges(all: &[Connection<UnixStream>], owner: Owner) -> bool {
    let different = |of: &dyn Fn(Owner) -> bool| {
        let theirs = all.iter().filter(|one| of(one.owner));
        let mut exchanges: Vec<_> = theirs.filter_map(Connection::exchange).collect();
        exchanges.sort_unstable();
        exchanges.dedup();
        exchanges.len()
    };
    different(&|one| one == owner) > share(MAX_EXCHANGES, different(&|one| one != owner))
}

/// How much `owner` has, and how much other persons of the same standing have.
fn count(
    all: &[Connection<UnixStream>],
    owner: Owner,
    of: impl Fn(&Connection<UnixStream>) -> usize,
) -> (usize, usize) {
    let alike = all.iter().filter(|one| one.owner.standing == owner.standing);
    alike.fold(
        (0, 0),
        |(own, others), one| {
            if one.owner == owner { (own + of(one), others) } else { (own, others + of(one)) }
        },
    )
}
