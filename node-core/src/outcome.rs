//! The node's outcome. LED, logs, exit codes and status all derive from it.

use core::fmt;

/// The result of proving this node to the auth service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No verdict yet.
    Starting,
    /// The server accepts the node.
    Valid,
    /// No answer from the server, but the last good verdict is within the offline grace period.
    ValidCached,
    /// The server's name or the connection to it failed.
    Network,
    /// 5xx, 429, stalled, closed early, or an answer that cannot be trusted.
    Server,
    /// `valid:false`. Nothing else is a rejection.
    NodeRejected,
    /// 401: the app key was refused, which says nothing about the node.
    AppRejected,
    /// The server's certificate or the handshake was refused.
    Tls,
    /// The clock is before this program was built, so no certificate can be judged.
    Clock,
    /// Configuration or credential missing, unsafe or malformed.
    Setup,
}

impl Outcome {
    /// All outcomes, in the order of the README's table.
    pub const ALL: [Self; 10] = [
        Self::Starting,
        Self::Valid,
        Self::ValidCached,
        Self::Network,
        Self::Server,
        Self::NodeRejected,
        Self::AppRejected,
        Self::Tls,
        Self::Clock,
        Self::Setup,
    ];

    /// The name in JSON, logs and arguments.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Valid => "valid",
            Self::ValidCached => "valid-cached",
            Self::Network => "network",
            Self::Server => "server",
            Self::NodeRejected => "node-rejected",
            Self::AppRejected => "app-rejected",
            Self::Tls => "tls",
            Self::Clock => "clock",
            Self::Setup => "setup",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }

    /// Its meaning, in words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Starting => "no verdict yet",
            Self::Valid => "the auth service accepts this node",
            Self::ValidCached => "accepted earlier; no fresh verdict can be had right now",
            Self::Network => "the server cannot be reached",
            Self::Server => "the server gives no usable answer",
            Self::NodeRejected => "the auth service rejects this node",
            Self::AppRejected => "the auth service rejects the app key, not the node",
            Self::Tls => "the server's certificate or the handshake was refused",
            Self::Clock => "the time is not known",
            Self::Setup => "configuration or credential is missing, unsafe or malformed",
        }
    }

    /// The exit code of `jarvis-node check`, by sysexits(3).
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Valid | Self::ValidCached => 0,
            Self::Network => 69,
            Self::Starting | Self::Server | Self::Clock => 75,
            Self::Tls => 76,
            Self::NodeRejected | Self::AppRejected => 77,
            Self::Setup => 78,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
