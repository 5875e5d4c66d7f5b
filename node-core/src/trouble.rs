//! Why there is no verdict, and what a person can do about it.

use core::fmt;

use crate::outcome::Outcome;
use crate::service::Service;
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
    /// A status about the server's own state: 5xx.
    Busy,
    /// The service runs, but could not ask the auth service in the node's place.
    AuthAway,
    /// The service does not have the node, which the auth service accepts.
    NotEnrolled,
    /// A status by which the server asks for fewer or quicker requests: 429 and 408.
    Throttled,
    /// A status by which a proxy or a tunnel says that it gets no answer from the service.
    Unserved,
    /// What cannot have come from the service: a proxy's log-in, a portal's page.
    InBetween,
    /// A redirect, which is never followed with a key in hand.
    Redirected,
    /// 404, 405 and other statuses that this request should not get from the service, in its own form.
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
    /// The server has no certificate for the name or the address that it was asked for.
    NameNotServed,
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

/// A fix, as a [`Text`].
macro_rules! fix {
    ($($sentence:tt)*) => { Text::format(format_args!($($sentence)*)) };
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
            | Self::AuthAway
            | Self::NotEnrolled
            | Self::Throttled
            | Self::Unserved
            | Self::InBetween
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
            | Self::NameNotServed
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

    /// Whether the service is away: nobody is there, a proxy or the service says that it cannot serve, or the connection is
    /// cut. Its end is seen by a probe.
    #[must_use]
    pub const fn is_away(self) -> bool {
        matches!(
            self,
            Self::NameUnknown
                | Self::Unreachable
                | Self::ClosedEarly
                | Self::HandshakeCut
                | Self::Busy
                | Self::Unserved
        )
    }

    /// Whether the server itself reported this. A failed connection is no report.
    #[must_use]
    pub const fn is_from_server(self) -> bool {
        match self {
            Self::Busy
            | Self::AuthAway
            | Self::NotEnrolled
            | Self::Throttled
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
            | Self::Unserved
            | Self::InBetween
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateUnknownIssuer
            | Self::CertificateWrongName
            | Self::NameNotServed
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

    fn fix(self, service: Service) -> Text<300> {
        let Service { name, address, ca_file, takes_client_certificate, .. } = service;
        match self {
            Self::NameUnknown => fix!(
                "Check the host name in {address}, and that the board's network and its name server work."
            ),
            Self::Unreachable => fix!(
                "Check that the board is on the network, that {name} runs, and host and port in {address}."
            ),
            Self::Stalled => {
                fix!("Wait: {name} is slow or overloaded. If it lasts, look at its log.")
            }
            Self::ClosedEarly => {
                fix!("Check {name} and any proxy before it: the connection ended before the answer did.")
            }
            Self::Busy => fix!(
                "Wait: {name} is in trouble or asks for patience. If it lasts, check that it runs, and look at its log, and \
                 at that of a proxy before it."
            ),
            Self::AuthAway => {
                fix!("Check that the auth service runs, and that {name} has its address and a good app key.")
            }
            Self::NotEnrolled => fix!(
                "Put the address of the command center that the node was enrolled at into {address}, or enroll it at this \
                 one under a new node id; asked directly (auth_url), the auth service accepts it as it is."
            ),
            Self::Throttled => fix!(
                "Wait: {name}, or a proxy before it, has no time for this node now. If it lasts, look at the limits it sets \
                 on requests."
            ),
            Self::Unserved => {
                fix!("Check that {name} runs, and that the proxy or tunnel before it has its right address.")
            }
            Self::InBetween => fix!(
                "Look at what is between the board and {name}: a proxy, a firewall or the network's log-in page. If \
                 nothing is, check host and port in {address}."
            ),
            Self::Redirected => fix!(
                "Check the path in {address}, and each slash in it. If a proxy or the network asks for a log-in at the \
                 other path, let the node past it."
            ),
            Self::NotTheService => fix!(
                "Check host, port and path in {address}: what answers there does not answer as {name} does."
            ),
            Self::RequestRefused => fix!(
                "Check that {name} and this program are of matching versions: it refuses the request's form."
            ),
            Self::NotUnderstood => {
                fix!("Check {address}, and that no portal or proxy answers in the place of {name}.")
            }
            Self::OtherNode => {
                fix!("Check {name}: it answered for another node, which counts for nothing.")
            }
            Self::AppRejected => fix!(
                "Check app_id and the app key file, or have the app client's key rotated and install the new one."
            ),
            Self::CertificateExpired => fix!(
                "Renew the certificate of {name}, or of its CA. If it has not expired, set the board's clock (see `date`)."
            ),
            Self::CertificateNotYetValid => fix!(
                "Set the board's clock (see `date`). If it is right, have the certificate of {name} reissued."
            ),
            Self::CertificateUnknownIssuer => fix!(
                "Set {ca_file} to the CA certificate that signed the certificate of {name}. If it is set, or the CA is \
                 a public one, let the server send its intermediate certificates too (the full chain)."
            ),
            Self::CertificateWrongName => fix!(
                "Use a name in {address} that the certificate of {name} is made out for, or have it reissued with this \
                 one in subjectAltName (an address needs an IP entry; the Common Name counts for nothing)."
            ),
            Self::NameNotServed => fix!(
                "Use a name in {address} that the server there has a certificate for (proxies seldom have one for a bare \
                 address), or have it serve this one. If it should, look at its log."
            ),
            Self::CertificateSelfSigned => fix!(
                "Have the certificate of {name} signed by a CA; or, if this one is really the server's, set {ca_file} to \
                 it."
            ),
            Self::CertificateOfCa => fix!(
                "Give {name} a certificate of its own that is not a CA's (basicConstraints CA:FALSE), and set {ca_file} \
                 to the CA that signed it."
            ),
            Self::CertificateWrongUsage => {
                fix!("Have that of {name} or its CA reissued for servers (extendedKeyUsage serverAuth).")
            }
            Self::CertificateBeyondIssuer => fix!(
                "Have the certificate of {name} issued by a CA that may sign it: look at the CA's name constraints, path \
                 length and basicConstraints."
            ),
            Self::CertificateWeak => fix!(
                "Have the certificate of {name} reissued with a key on P-256 or RSA of 2048 bits or more, signed with \
                 SHA-256; its CA's too if need be."
            ),
            Self::CertificateRefused => {
                fix!("Have the certificate of {name} reissued: it breaks the rules for server certificates.")
            }
            Self::KeyNotPinned => fix!(
                "Compare the server's key with spki_pins: it was changed, or somebody else answers in its place."
            ),
            Self::KeyNotProved => fix!(
                "Give {name} the private key that its certificate was issued for; or somebody else answers in its place."
            ),
            Self::ClientCertificateMissing if !takes_client_certificate => fix!(
                "Let {name} take requests without a client certificate: the node shows it none (client_cert_file is for \
                 the auth service and the command center)."
            ),
            Self::ClientCertificateMissing => fix!(
                "Set client_cert_file and client_key_file to a certificate that {name} or the proxy before it accepts."
            ),
            Self::ClientCertificateRefused => fix!(
                "Renew the certificate in client_cert_file, or have it issued by the CA that {name} or the proxy before \
                 it trusts."
            ),
            Self::NoCommonTlsVersion => {
                fix!("Turn TLS 1.2 or 1.3 on at {name} or the proxy before it; nothing older is spoken.")
            }
            Self::NoTls => fix!(
                "Check the port in {address}: it must speak TLS. A service of plain HTTP needs http:// and allow_http."
            ),
            Self::TlsOnPlainPort => {
                fix!("Write https:// instead of http:// in {address}: that port speaks TLS.")
            }
            Self::Handshake => fix!(
                "Check that {name}, or the proxy before it, has a certificate for the host in {address}, and its TLS \
                 settings: TLS 1.2 or 1.3 with ECDHE and GCM or ChaCha20 (AEAD, not CBC), and a certificate on P-256, P-384 or Ed25519 or with RSA."
            ),
            Self::HandshakeCut => fix!(
                "Check that {name} or its proxy runs and speaks TLS at the port in {address}, and any firewall before \
                 it: the handshake was cut off."
            ),
            Self::Clock => fix!("{CLOCK_FIX}"),
            Self::NoServerTime => fix!(
                "Let {name}, or the proxy before it, send a valid Date header; or take spki_pins out, so that the board's own \
                 clock counts."
            ),
            Self::ServerClock => fix!(
                "Set the clock of {name}'s machine (see `date` there): with spki_pins the node goes by it."
            ),
            Self::Setup => fix!("Look at the configuration and the credential file."),
        }
    }
}

const CLOCK_FIX: &str = "Wait for the board's clock to be set over the network, or set it with `sudo date -s`. If it is right, delete state_file: \
     it says that a later moment has passed.";

impl Service {
    /// Trouble of that kind with this service, with the fix of that kind.
    #[must_use]
    pub fn trouble(self, kind: TroubleKind, reason: fmt::Arguments<'_>) -> Trouble {
        Trouble { fix: kind.fix(self), ..Trouble::with_fix(kind, reason, format_args!("")) }
    }
}

impl Trouble {
    /// The board's clock shows a time that has certainly passed.
    #[must_use]
    pub fn clock() -> Self {
        Self::with_fix(
            TroubleKind::Clock,
            format_args!("the board's clock is not set, so no certificate can be judged"),
            format_args!("{CLOCK_FIX}"),
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
