//! Why there is no verdict, and what a person can do about it.

use core::fmt;

use crate::outcome::Outcome;
use crate::text::Text;

/// Why one attempt gave no verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its kind.
    pub kind: TroubleKind,
    /// The reason, in words. Holds no secret and no part of a response's body.
    pub reason: Text<200>,
    /// The fix: a sentence about what a person can do.
    pub fix: Text<300>,
}

/// The kinds of [`Trouble`]: one for each fix.
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
    /// A status about the server's own state: 5xx and 429.
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
    /// 401: the app key was refused.
    AppRejected,
    /// The server's certificate has expired.
    CertificateExpired,
    /// The server's certificate is not valid yet.
    CertificateNotYetValid,
    /// The server's certificate is from a CA that is not trusted.
    CertificateUnknownIssuer,
    /// The server's certificate is for another name.
    CertificateWrongName,
    /// The server's certificate is self-signed.
    CertificateSelfSigned,
    /// The server's certificate is that of a CA.
    CertificateOfCa,
    /// The server's certificate is not meant for servers.
    CertificateWrongUsage,
    /// The server's certificate is from a CA that must not sign it.
    CertificateBeyondIssuer,
    /// The server's certificate has a signature or a key that no longer proves anything.
    CertificateWeak,
    /// The server's certificate is wrong in another way.
    CertificateRefused,
    /// The server's key is none of the pinned ones.
    KeyNotPinned,
    /// The server does not have the key of the certificate it shows.
    KeyNotProved,
    /// The server wants a client certificate, and there is none.
    ClientCertificateMissing,
    /// The server refuses our client certificate.
    ClientCertificateRefused,
    /// The server's TLS is too old.
    NoCommonTlsVersion,
    /// `https://` to a port that does not speak TLS.
    NoTls,
    /// `http://` to a port that speaks TLS.
    TlsOnPlainPort,
    /// The handshake failed in another way.
    Handshake,
    /// The connection ended in the middle of the handshake.
    HandshakeCut,
    /// The clock is before this program was built, or before a server was last seen.
    Clock,
    /// The server, which is to tell the time, does not.
    NoServerTime,
    /// The server's own clock is not set.
    ServerClock,
    /// The node's own files.
    Setup,
}

impl TroubleKind {
    /// The outcome while there is no verdict that still counts.
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
            | Self::OtherNode
            // No fault was found, and the server may only be restarting.
            | Self::HandshakeCut => Outcome::Server,
            Self::AppRejected => Outcome::AppRejected,
            Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateUnknownIssuer
            | Self::CertificateWrongName
            | Self::CertificateSelfSigned
            | Self::CertificateOfCa
            | Self::CertificateWrongUsage
            | Self::CertificateBeyondIssuer
            | Self::CertificateWeak
            | Self::CertificateRefused
            | Self::KeyNotPinned
            | Self::KeyNotProved
            | Self::ClientCertificateMissing
            | Self::ClientCertificateRefused
            | Self::NoCommonTlsVersion
            | Self::NoTls
            | Self::TlsOnPlainPort
            | Self::Handshake => Outcome::Tls,
            Self::Clock | Self::NoServerTime | Self::ServerClock => Outcome::Clock,
            Self::Setup => Outcome::Setup,
        }
    }

    /// Whether no answer came at all.
    #[must_use]
    pub const fn is_no_answer(self) -> bool {
        matches!(self, Self::NameUnknown | Self::Unreachable | Self::Stalled)
    }

    /// Whether the server itself reported this. A failed connection is no report.
    #[must_use]
    pub const fn is_from_server(self) -> bool {
        match self {
            Self::Busy
            | Self::Redirected
            | Self::NotTheService
            | Self::RequestRefused
            | Self::NotUnderstood
            | Self::OtherNode
            | Self::AppRejected
            | Self::NoServerTime
            | Self::ServerClock => true,
            Self::NameUnknown
            | Self::Unreachable
            | Self::Stalled
            | Self::ClosedEarly
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateUnknownIssuer
            | Self::CertificateWrongName
            | Self::CertificateSelfSigned
            | Self::CertificateOfCa
            | Self::CertificateWrongUsage
            | Self::CertificateBeyondIssuer
            | Self::CertificateWeak
            | Self::CertificateRefused
            | Self::KeyNotPinned
            | Self::KeyNotProved
            | Self::ClientCertificateMissing
            | Self::ClientCertificateRefused
            | Self::NoCommonTlsVersion
            | Self::NoTls
            | Self::TlsOnPlainPort
            | Self::Handshake
            | Self::HandshakeCut
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
                "Renew the auth service's certificate. If it is not old, set the clock it was judged by: the board's (see `date`), or with spki_pins the server's."
            }
            Self::CertificateNotYetValid => {
                "Set the clock that the server's certificate was judged by: the board's (see `date`), or with spki_pins the server's. If that is right, have the certificate reissued."
            }
            Self::CertificateUnknownIssuer => {
                "Set ca_file to the CA certificate that signed the auth service's certificate. If it is set, let the server send its intermediate certificates too (the full chain)."
            }
            Self::CertificateWrongName => {
                "Use a name in auth_url that the auth service's certificate is made out for, or have it reissued with this one in subjectAltName (an address needs an IP entry)."
            }
            Self::CertificateSelfSigned => {
                "Have the auth service's certificate signed by a CA; or, if this one is really the server's, set ca_file to it."
            }
            Self::CertificateOfCa => {
                "Give the auth service a certificate of its own that is not a CA's (basicConstraints CA:FALSE), and set ca_file to the CA that signed it."
            }
            Self::CertificateWrongUsage => {
                "Have the auth service's certificate reissued for servers (extendedKeyUsage serverAuth)."
            }
            Self::CertificateBeyondIssuer => {
                "Have the auth service's certificate issued by a CA that may sign it: look at the CA's name constraints, path length and basicConstraints."
            }
            Self::CertificateWeak => {
                "Have the auth service's certificate reissued with a key on P-256 or RSA of 2048 bits or more, signed with SHA-256; its CA's too if need be."
            }
            Self::CertificateRefused => {
                "Have the auth service's certificate reissued: it breaks the rules for server certificates."
            }
            Self::KeyNotPinned => {
                "Compare the server's key with spki_pins: it was changed, or somebody else answers in its place."
            }
            Self::KeyNotProved => {
                "Give the auth service the private key that its certificate was issued for; or somebody else answers in its place."
            }
            Self::ClientCertificateMissing => {
                "Set client_cert_file and client_key_file to a certificate that the auth service's proxy accepts."
            }
            Self::ClientCertificateRefused => {
                "Renew the certificate in client_cert_file, or have it issued by the CA that the auth service's proxy trusts."
            }
            Self::NoCommonTlsVersion => {
                "Turn TLS 1.2 or 1.3 on at the auth service or the proxy before it; nothing older is spoken."
            }
            Self::NoTls => {
                "Check the port in auth_url: it must speak TLS. A service of plain HTTP needs http:// and allow_http."
            }
            Self::TlsOnPlainPort => "Write https:// instead of http:// in auth_url: that port speaks TLS.",
            Self::Handshake => {
                "Check the TLS settings of the auth service or its proxy: TLS 1.2 or 1.3 with ECDHE and a certificate on P-256, P-384 or Ed25519 or with RSA."
            }
            Self::HandshakeCut => {
                "Check that the auth service or its proxy runs and speaks TLS at that port, and any firewall before it: the handshake was cut off."
            }
            Self::Clock => {
                "Wait for the board's clock to be set over the network, or set it with `sudo date -s`. If it is right, delete state_file: it says that a later moment has passed."
            }
            Self::NoServerTime => {
                "Let the auth service, or the proxy before it, send a Date header; or take spki_pins out, so that the board's own clock counts."
            }
            Self::ServerClock => {
                "Set the clock of the auth service's machine (see `date` there): with spki_pins the node goes by it."
            }
            Self::Setup => "Look at the configuration and the credential file.",
        }
    }
}

impl Trouble {
    /// Trouble of that kind, with the fix of that kind.
    #[must_use]
    pub fn new(kind: TroubleKind, reason: fmt::Arguments<'_>) -> Self {
        Self { kind, reason: Text::format(reason), fix: Text::from(kind.fix()) }
    }

    /// The board's clock shows a time that has certainly passed.
    #[must_use]
    pub fn clock() -> Self {
        Self::new(
            TroubleKind::Clock,
            format_args!("the board's clock is not set, so no certificate can be judged"),
        )
    }

    /// Trouble of that kind, with a fix for this case.
    #[must_use]
    pub fn with_fix(kind: TroubleKind, reason: fmt::Arguments<'_>, fix: fmt::Arguments<'_>) -> Self {
        Self { kind, reason: Text::format(reason), fix: Text::format(fix) }
    }

    /// Trouble with the node's own files, where each case has a fix of its own.
    #[must_use]
    pub fn setup(reason: fmt::Arguments<'_>, fix: fmt::Arguments<'_>) -> Self {
        Self::with_fix(TroubleKind::Setup, reason, fix)
    }
}
