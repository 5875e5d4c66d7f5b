//! What stands between the node and a verdict, and what a person can do about it.

use core::fmt;

use super::Outcome;
use crate::text::Text;

/// Why there is no verdict, as seen at one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind.
    pub kind: TroubleKind,
    /// What happened, in words. Holds no secret and nothing of a response's body.
    pub reason: Text<200>,
    /// What a person can do about it.
    pub fix: Text<300>,
}

/// The kinds of [`Trouble`], one for each mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The server's name has no address.
    NameUnknown,
    /// No connection to the server's address.
    Unreachable,
    /// Connected, but the answer did not come in time.
    Stalled,
    /// The connection ended before the answer did.
    ClosedEarly,
    /// A status that tells of the server, not of us: 5xx and 429.
    Busy,
    /// A redirect, which is never followed with a key in hand.
    Redirected,
    /// 404, 405 and other statuses that this request should not get.
    NotTheService,
    /// 422 or 400: the service did not understand the request.
    RequestRefused,
    /// A body that is not the documented answer.
    NotUnderstood,
    /// `valid:true`, but for another node.
    OtherNode,
    /// 401: the app key.
    AppRejected,
    /// The server's certificate has expired.
    CertificateExpired,
    /// The server's certificate is not valid yet.
    CertificateNotYetValid,
    /// The server's certificate is from a CA we do not trust.
    CertificateUnknownIssuer,
    /// The server's certificate is for another name.
    CertificateWrongName,
    /// The server's certificate is wrong in another way.
    CertificateRefused,
    /// No common TLS language, or no TLS at all on that port.
    Handshake,
    /// The clock is before this program was built, or before a server was last seen.
    Clock,
    /// The node's own files.
    Setup,
}

impl TroubleKind {
    /// What it shows as while there is no verdict to keep.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::NameUnknown | Self::Unreachable => Outcome::Network,
            Self::Stalled
            | Self::ClosedEarly
            | Self::Busy
            | Self::Redirected
            | Self::NotTheService
            | Self::RequestRefused
            | Self::NotUnderstood
            | Self::OtherNode => Outcome::Server,
            Self::AppRejected => Outcome::AppRejected,
            Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateUnknownIssuer
            | Self::CertificateWrongName
            | Self::CertificateRefused
            | Self::Handshake => Outcome::Tls,
            Self::Clock => Outcome::Clock,
            Self::Setup => Outcome::Setup,
        }
    }

    /// Whether the server itself said so. A failed connection is nobody's word.
    #[must_use]
    pub const fn is_the_servers_word(self) -> bool {
        match self {
            Self::Busy
            | Self::Redirected
            | Self::NotTheService
            | Self::RequestRefused
            | Self::NotUnderstood
            | Self::OtherNode
            | Self::AppRejected => true,
            Self::NameUnknown
            | Self::Unreachable
            | Self::Stalled
            | Self::ClosedEarly
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateUnknownIssuer
            | Self::CertificateWrongName
            | Self::CertificateRefused
            | Self::Handshake
            | Self::Clock
            | Self::Setup => false,
        }
    }

    const fn fix(self) -> &'static str {
        match self {
            Self::NameUnknown => {
                "Check the host name in auth_url, and that the board's network and its name server work."
            }
            Self::Unreachable => {
                "Check that the board is on the network, that the auth service runs, and host and port in auth_url."
            }
            Self::Stalled => "Wait: the auth service is slow or overloaded. If it lasts, look at its log.",
            Self::ClosedEarly => {
                "Check the auth service and any proxy before it: the connection ended before the answer did."
            }
            Self::Busy => {
                "Wait: the auth service is in trouble or asks for patience. If it lasts, look at its log."
            }
            Self::Redirected => {
                "Put the address the server redirects to into auth_url, if it is yours: redirects are not followed."
            }
            Self::NotTheService => {
                "Check auth_url: what answers there does not look like the Jarvis auth service (a portal, a proxy, another port?)."
            }
            Self::RequestRefused => {
                "Check that the auth service and this program are of matching versions: it refuses the request's form."
            }
            Self::NotUnderstood => {
                "Check auth_url, and that no portal or proxy answers in the auth service's place."
            }
            Self::OtherNode => {
                "Check the auth service: it answered for another node, which counts for nothing."
            }
            Self::AppRejected => {
                "Check app_id and the app key file, or have the app client's key rotated and install the new one."
            }
            Self::CertificateExpired => {
                "Renew the auth service's certificate, and check the board's clock with `date`."
            }
            Self::CertificateNotYetValid => {
                "Check the board's clock with `date`: the server's certificate is not valid yet."
            }
            Self::CertificateUnknownIssuer => {
                "Set ca_file to the CA certificate that signed the auth service's certificate."
            }
            Self::CertificateWrongName => {
                "Use a name in auth_url that the auth service's certificate is made out for, or have it reissued."
            }
            Self::CertificateRefused => {
                "Have the auth service's certificate reissued: it breaks the rules for server certificates."
            }
            Self::Handshake => {
                "Check that the port in auth_url speaks TLS 1.2 or 1.3; a plain HTTP service needs http:// and allow_http."
            }
            Self::Clock => {
                "Wait for the board's clock to be set over the network, or set it with `sudo date -s`. If it is right, delete state_file: it says that a later moment has passed."
            }
            Self::Setup => "Look at the configuration and the credential file.",
        }
    }
}

impl Trouble {
    /// Trouble of that kind, with the mend that kind has.
    #[must_use]
    pub fn new(kind: TroubleKind, reason: fmt::Arguments<'_>) -> Self {
        Self { kind, reason: Text::format(reason), fix: Text::from(kind.fix()) }
    }

    /// The board's clock is before a moment that has certainly passed.
    #[must_use]
    pub fn clock() -> Self {
        Self::new(
            TroubleKind::Clock,
            format_args!("the board's clock is not set, so no certificate can be judged"),
        )
    }

    /// Trouble with the node's own files, each with a mend of its own.
    #[must_use]
    pub fn setup(reason: fmt::Arguments<'_>, fix: fmt::Arguments<'_>) -> Self {
        Self { kind: TroubleKind::Setup, reason: Text::format(reason), fix: Text::format(fix) }
    }
}
