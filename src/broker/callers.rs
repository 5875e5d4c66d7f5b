//! Who calls, as the kernel says (unix(7), `SO_PEERCRED`), and who may have what.

use std::os::unix::net::UnixStream;
use std::{fmt, fs, io};

/// The user and the group of a process when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Caller {
    /// Who is at the other end.
    ///
    /// # Errors
    /// When the system cannot tell.
    #[cfg(target_os = "linux")]
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let peer = rustix::net::sockopt::socket_peercred(stream)?;
        Ok(Self { uid: peer.uid.as_raw(), gid: peer.gid.as_raw() })
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// Always: there is no one way to ask on other systems.
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

/// Who may have tokens for one audience, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) uids: Vec<u32>,
    pub(super) gids: Vec<u32>,
    /// As it was configured.
    pub(super) described: String,
}

impl Allowed {
    /// Root may have what it could take anyway; all others by rule.
    pub(super) fn admits(&self, caller: Caller, strangers: Strangers) -> bool {
        // What stands for anyone is in no rule.
        caller.uid == 0
            || (!strangers.is(caller.uid) && self.uids.contains(&caller.uid))
            || (!strangers.is(caller.gid) && self.gids.contains(&caller.gid))
    }
}

/// The number by which everyone from outside our user namespace is seen (user_namespaces(7)): a rule for
/// "nobody" would be one for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strangers(Option<u32>);

impl Strangers {
    /// Everyone can be told apart.
    #[cfg(test)]
    pub(super) const NONE: Self = Self(None);

    /// As this process sees them.
    pub(super) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let number = read("/proc/sys/kernel/overflowuid").trim().parse().unwrap_or(65_534);
        Self::by(&read("/proc/self/uid_map"), number)
    }

    fn by(uid_map: &str, number: u32) -> Self {
        // One line that maps every number there is: no namespace but the first.
        let whole = uid_map.split_whitespace().eq(["0", "0", "4294967295"]);
        Self((!whole && !uid_map.is_empty()).then_some(number))
    }

    /// Whether everyone but a few looks the same.
    pub(super) const fn exist(self) -> bool {
        self.0.is_some()
    }

    fn is(self, id: u32) -> bool {
        self.0 == Some(id)
    }
}

/// Why the caller may not have a token for `audience`.
pub(super) fn not_allowed(audience: &str, caller: Caller, allowed: &Allowed, strangers: Strangers) -> String {
    if strangers.is(caller.uid) {
        return format!(
            "tokens for {audience} are for {}; who you are cannot be seen from inside the daemon's user namespace \
             (PrivateUsers= in its unit?)",
            allowed.described
        );
    }
    format!("tokens for {audience} are for {}; you are {caller}", allowed.described)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Strangers = Strangers::NONE;

    fn allowed(uids: &[u32], gids: &[u32]) -> Allowed {
        Allowed { uids: uids.into(), gids: gids.into(), described: "user pi, group jarvis".into() }
    }

    #[test]
    fn root_and_who_is_named_may_and_nobody_else() {
        let rule = allowed(&[1000], &[990]);
        for (uid, gid, may) in
            [(0, 0, true), (0, 5, true), (1000, 5, true), (5, 990, true), (990, 1000, false), (5, 0, false)]
        {
            assert_eq!(rule.admits(Caller { uid, gid }, HOST), may, "{uid} {gid}");
        }
        assert!(!allowed(&[], &[]).admits(Caller { uid: 1000, gid: 1000 }, HOST));
    }

    #[test]
    fn whoever_cannot_be_told_apart_is_nobody() {
        let rule = allowed(&[65_534], &[65_534]);
        let caller = Caller { uid: 65_534, gid: 65_534 };
        assert!(rule.admits(caller, HOST));
        let inside = Strangers::by("0 0 1\n990 990 1\n", 65_534);
        assert!(!rule.admits(caller, inside));
        assert!(not_allowed("a", caller, &rule, inside).contains("PrivateUsers="));
        assert!(!Strangers::by("         0          0 4294967295\n", 65_534).exist());
        assert!(!Strangers::by("", 65_534).exist(), "a system without them");
    }

    #[test]
    fn the_kernel_says_who_calls() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if cfg!(target_os = "linux") {
            assert_eq!(Caller::of(&one).expect("told"), Caller { uid, gid });
        }
    }
}
