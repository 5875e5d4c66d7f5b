//! The caller's user and group, as the kernel reports them (unix(7), `SO_PEERCRED`), and the rule that they must meet.

mod persons;
mod shares;

use std::os::unix::net::UnixStream;
use std::{fmt, fs, io};

pub(super) use self::persons::Persons;
pub(super) use self::shares::{Owner, Standing, share};
use crate::sts::for_audience;

/// The user and the group of a process when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Caller {
    /// The process at the other end.
    ///
    /// # Errors
    /// When the system cannot tell.
    #[cfg(target_os = "linux")]
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let peer = rustix::net::sockopt::socket_peercred(stream)?;
        Ok(Self { uid: peer.uid.as_raw(), gid: peer.gid.as_raw() })
    }

    /// The process at the other end.
    ///
    /// # Errors
    /// Always: other systems have no common way to ask.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: &UnixStream) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}, gid {}", self.uid, self.gid)
    }
}

/// The users and groups that may have tokens for one audience.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) uids: Vec<u32>,
    pub(super) gids: Vec<u32>,
    /// The rule in the words of the configuration.
    pub(super) described: String,
}

impl Allowed {
    /// Whether `caller` may have a token. Root always may, since it could take one anyway.
    pub(super) fn admits(&self, caller: Caller, overflow: OverflowId) -> bool {
        // The number that stands for every unmapped user or group meets no rule.
        caller.uid == 0
            || (!overflow.is(caller.uid) && self.uids.contains(&caller.uid))
            || (!overflow.is(caller.gid) && self.gids.contains(&caller.gid))
    }
}

/// The number under which all users and groups from outside this user namespace appear (user_namespaces(7)), if there is
/// one. A rule for "nobody" would admit all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverflowId(Option<u32>);

impl OverflowId {
    /// All users and groups can be told apart.
    #[cfg(test)]
    pub(super) const NONE: Self = Self(None);

    /// The number in this process's namespace.
    pub(super) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let number = read("/proc/sys/kernel/overflowuid").trim().parse().unwrap_or(65_534);
        Self::by(&read("/proc/self/uid_map"), number)
    }

    fn by(uid_map: &str, number: u32) -> Self {
        // One line that maps every number: this is the first namespace, in which all numbers are real.
        let whole = uid_map.split_whitespace().eq(["0", "0", "4294967295"]);
        Self((!whole && !uid_map.is_empty()).then_some(number))
    }

    /// Whether there is such a number.
    pub(super) const fn exists(self) -> bool {
        self.0.is_some()
    }

    fn is(self, id: u32) -> bool {
        self.0 == Some(id)
    }
}

/// A sentence that says why the caller may not have a token for `audience`.
pub(super) fn not_allowed(audience: &str, caller: Caller, allowed: &Allowed, overflow: OverflowId) -> String {
    let audience = for_audience(audience);
    if overflow.is(caller.uid) {
        return format!(
            "tokens {audience} are for {}; who you are cannot be seen from inside the daemon's user namespace \
             (PrivateUsers= in its unit?)",
            allowed.described
        );
    }
    // The list of a process's groups (SO_PEERGROUPS) cannot be had without unsafe code, and /proc/PID/status only for
    // a number that another process may have by then, and not under ProtectProc=.
    let which = match allowed.gids.is_empty() {
        true => "",
        false => {
            ". Of groups count the process's own one (Group=, newgrp) and those that /etc/group lists the user in, as \
             it was at the daemon's last reload (sudo systemctl reload jarvis-node-agent), and no groups that only the \
             process has (SupplementaryGroups=)"
        }
    };
    format!("tokens {audience} are for {}; you are {caller}{which}", allowed.described)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: OverflowId = OverflowId::NONE;

    fn allowed(uids: &[u32], gids: &[u32]) -> Allowed {
        Allowed { uids: uids.into(), gids: gids.into(), described: "user pi, group jarvis".into() }
    }

    #[test]
    fn rule_admits_root_and_those_it_names_only() {
        let rule = allowed(&[1000], &[990]);
        for (uid, gid, may) in
            [(0, 0, true), (0, 5, true), (1000, 5, true), (5, 990, true), (990, 1000, false), (5, 0, false)]
        {
            assert_eq!(rule.admits(Caller { uid, gid }, HOST), may, "{uid} {gid}");
        }
        assert!(!allowed(&[], &[]).admits(Caller { uid: 1000, gid: 1000 }, HOST));
    }

    #[test]
    fn rule_never_admits_the_overflow_id() {
        let rule = allowed(&[65_534], &[65_534]);
        let caller = Caller { uid: 65_534, gid: 65_534 };
        assert!(rule.admits(caller, HOST));
        let inside = OverflowId::by("0 0 1\n990 990 1\n", 65_534);
        assert!(!rule.admits(caller, inside));
        assert!(not_allowed("a", caller, &rule, inside).contains("PrivateUsers="));
        assert!(!OverflowId::by("         0          0 4294967295\n", 65_534).exists());
        assert!(!OverflowId::by("", 65_534).exists(), "a system without them");
    }

    #[test]
    fn refusal_of_a_group_says_which_groups_count() {
        let caller = Caller { uid: 5, gid: 6 };
        let by_group = not_allowed("a", caller, &allowed(&[1000], &[990]), HOST);
        assert!(by_group.contains("you are uid 5, gid 6. Of groups count"), "{by_group}");
        assert!(
            by_group.contains("systemctl reload") && by_group.contains("SupplementaryGroups="),
            "{by_group}"
        );
        let by_user = not_allowed("a", caller, &allowed(&[1000], &[]), HOST);
        assert!(by_user.ends_with("you are uid 5, gid 6"), "{by_user}");
    }

    #[test]
    fn caller_is_known_from_the_kernel() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if cfg!(target_os = "linux") {
            assert_eq!(Caller::of(&one).expect("told"), Caller { uid, gid });
        }
    }
}
