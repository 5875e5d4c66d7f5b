//! Explains TLS errors to the person who has to fix them.

use std::io;
use std::io::ErrorKind;
use std::time::{Duration, UNIX_EPOCH};

use node_core::trouble::{Trouble, TroubleKind};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::Tls;
use super::verifier::VerifierError;

impl Tls {
    /// Explains an error of the handshake; `None` if it is one of the network.
    pub(in crate::net) fn handshake_trouble(&self, peer: &str, error: &io::Error) -> Option<Trouble> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Some(Trouble::new(
                TroubleKind::HandshakeCut,
                format_args!("{peer} closed the connection in the middle of the TLS handshake"),
            )),
            _ => self.trouble(error),
        }
    }

    /// Explains an I/O error that contains one of rustls; `None` if it does not.
    pub(in crate::net) fn trouble(&self, error: &io::Error) -> Option<Trouble> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
        Some(match error {
            Error::InvalidCertificate(why) => self.certificate_trouble(why),
            Error::AlertReceived(alert) => self.alert_trouble(*alert),
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => no_common_version(),
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge,
            ) => Trouble::new(
                TroubleKind::NoTls,
                format_args!("what answers at the port in auth_url does not speak TLS"),
            ),
            _ => Trouble::new(TroubleKind::Handshake, format_args!("the TLS handshake failed: {error}")),
        })
    }

    fn certificate_trouble(&self, why: &CertificateError) -> Trouble {
        let by = if self.pinned.is_some() { "the server's own" } else { "this board's" };
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
        match why {
            CertificateError::ExpiredContext { time, not_after } => Trouble::new(
                TroubleKind::CertificateExpired,
                format_args!(
                    "the server's certificate, or its CA's, has expired: it ended {}, and by {by} clock it is {}",
                    date(*not_after),
                    date(*time)
                ),
            ),
            CertificateError::NotValidYetContext { time, not_before } => Trouble::new(
                TroubleKind::CertificateNotYetValid,
                format_args!(
                    "the server's certificate, or its CA's, is not valid yet: it begins {}, and by {by} clock it \
                     is {}",
                    date(*not_before),
                    date(*time)
                ),
            ),
            CertificateError::UnknownIssuer => Trouble::new(
                TroubleKind::CertificateUnknownIssuer,
                format_args!("the server's certificate is not signed by a CA this node trusts"),
            ),
            // A CA that was recreated under its old name causes this.
            CertificateError::BadSignature => Trouble::new(
                TroubleKind::CertificateUnknownIssuer,
                format_args!(
                    "the server's certificate is not signed by a CA this node trusts, but by one of the same name"
                ),
            ),
            CertificateError::NotValidForNameContext { presented, .. } => Trouble::new(
                TroubleKind::CertificateWrongName,
                format_args!(
                    "the server's certificate is not made out for the name in auth_url, but for {}",
                    names(presented)
                ),
            ),
            CertificateError::InvalidPurposeContext { .. } => Trouble::new(
                TroubleKind::CertificateWrongUsage,
                format_args!("the server's certificate is not meant for servers (its extended key usage)"),
            ),
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Trouble::new(
                TroubleKind::CertificateWeak,
                format_args!(
                    "the server's certificate, or its CA's, is signed in a way too weak or too rare, such as SHA-1"
                ),
            ),
            CertificateError::Other(inner) => {
                if let Some(refusal) = inner.0.downcast_ref() {
                    verifier_trouble(refusal)
                } else if let Some(why) = inner.0.downcast_ref() {
                    webpki_trouble(why)
                } else {
                    refused(why)
                }
            }
            _ => refused(why),
        }
    }

    fn alert_trouble(&self, alert: AlertDescription) -> Trouble {
        let name = name(alert);
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
        match alert {
            // After what a client sends, all of these are about its certificate (RFC 8446, section 6.2).
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => self.client_certificate_trouble(&format!("alert {name}")),
            // OpenSSL sends this in TLS 1.2 if the client has no certificate.
            AlertDescription::HandshakeFailure if self.own.was_asked_for() => {
                self.client_certificate_trouble(&format!("alert {name}"))
            }
            AlertDescription::ProtocolVersion => no_common_version(),
            AlertDescription::UnrecognisedName => Trouble::new(
                TroubleKind::CertificateWrongName,
                format_args!("the server knows nothing of the name in auth_url (alert {name})"),
            ),
            _ => Trouble::new(
                TroubleKind::Handshake,
                format_args!("the server broke the TLS handshake off with the alert {name}"),
            ),
        }
    }

    fn client_certificate_trouble(&self, how: &str) -> Trouble {
        if self.own.is_there() {
            Trouble::new(
                TroubleKind::ClientCertificateRefused,
                format_args!("the server refuses this node's client certificate ({how})"),
            )
        } else {
            Trouble::new(
                TroubleKind::ClientCertificateMissing,
                format_args!("the server wants a client certificate from this node ({how})"),
            )
        }
    }

    /// Explains a 400 in which a proxy complains about TLS; only `body` tells it from one of the service.
    /// nginx complains about client certificates, and nginx, Apache and Go complain about plain HTTP.
    pub(in crate::net) fn proxy_trouble(&self, https: bool, body: &[u8]) -> Option<Trouble> {
        let says = |words: &str| body.windows(words.len()).any(|window| window == words.as_bytes());
        if https {
            says("SSL certificate").then(|| self.client_certificate_trouble("status 400"))
        } else {
            says("HTTPS").then(port_speaks_tls)
        }
    }
}

/// The server answered plain HTTP in TLS, or said that it expects TLS.
pub(in crate::net) fn port_speaks_tls() -> Trouble {
    Trouble::new(
        TroubleKind::TlsOnPlainPort,
        format_args!("the port in auth_url speaks TLS, and was spoken to in plain HTTP"),
    )
}

fn no_common_version() -> Trouble {
    Trouble::new(
        TroubleKind::NoCommonTlsVersion,
        format_args!("the server speaks neither TLS 1.2 nor TLS 1.3, but only older versions"),
    )
}

fn verifier_trouble(refusal: &VerifierError) -> Trouble {
    match refusal {
        VerifierError::KeyNotPinned(seen) => Trouble::with_fix(
            TroubleKind::KeyNotPinned,
            format_args!("the server's key is none of those in spki_pins"),
            format_args!(
                "Compare {seen} with the server's own: openssl pkey -pubout -outform der -in KEY | openssl dgst \
                 -sha256 -binary | base64. If it is the same, put it into spki_pins; if not, somebody else \
                 answers in its place."
            ),
        ),
        VerifierError::SelfSigned => Trouble::new(
            TroubleKind::CertificateSelfSigned,
            format_args!("the server's certificate is signed by nobody but itself"),
        ),
        VerifierError::ShortKey => Trouble::new(
            TroubleKind::CertificateWeak,
            format_args!(
                "the key of the server's certificate, or of its CA, is too weak: RSA under 2048 bits"
            ),
        ),
        VerifierError::NeverValid => Trouble::new(
            TroubleKind::CertificateRefused,
            format_args!("there is no moment at which the server's certificate and its CA's are all valid"),
        ),
        VerifierError::KeyNotProved => Trouble::new(
            TroubleKind::KeyNotProved,
            format_args!("the server shows a certificate whose key it does not have"),
        ),
    }
}

fn webpki_trouble(why: &webpki::Error) -> Trouble {
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
    match why {
        webpki::Error::CaUsedAsEndEntity => Trouble::new(
            TroubleKind::CertificateOfCa,
            format_args!("the server shows the certificate of a CA as its own"),
        ),
        webpki::Error::NameConstraintViolation => Trouble::new(
            TroubleKind::CertificateBeyondIssuer,
            format_args!("the server's certificate holds a name that its CA may not sign (name constraints)"),
        ),
        webpki::Error::PathLenConstraintViolated => Trouble::new(
            TroubleKind::CertificateBeyondIssuer,
            format_args!("there are more CAs between the server's certificate and the root than that allows"),
        ),
        webpki::Error::EndEntityUsedAsCa => Trouble::new(
            TroubleKind::CertificateBeyondIssuer,
            format_args!("the server's certificate is signed by a certificate that is not a CA's"),
        ),
        other => refused(other),
    }
}

fn refused(why: &dyn std::fmt::Debug) -> Trouble {
    Trouble::new(
        TroubleKind::CertificateRefused,
        format_args!("the server's certificate was refused: {why:?}"),
    )
}

fn names(presented: &[String]) -> String {
    // rustls writes them as DnsName("auth.home") and IpAddress(192.0.2.1).
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').to_string()
    };
    let presented: Vec<_> = presented.iter().map(bare).collect();
    if presented.is_empty() { "no name at all".into() } else { presented.join(", ") }
}

fn date(time: UnixTime) -> String {
    // httpdate panics from the year 10000 on.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs().min(LAST)))
}

/// The alert's name as in the RFC: `handshake_failure`.
fn name(alert: AlertDescription) -> String {
    let mut name = String::new();
    let mut after_capital = true;
    for c in format!("{alert:?}").chars() {
        if c.is_ascii_uppercase() && !after_capital {
            name.push('_');
        }
        after_capital = c.is_ascii_uppercase();
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_has_the_name_of_the_rfc() {
        for (alert, expected) in [
            (AlertDescription::HandshakeFailure, "handshake_failure"),
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::CertificateRequired, "certificate_required"),
        ] {
            assert_eq!(name(alert), expected);
        }
    }

    #[test]
    fn date_beyond_year_9999_is_capped() {
        assert_eq!(date(UnixTime::since_unix_epoch(Duration::ZERO)), "Thu, 01 Jan 1970 00:00:00 GMT");
        let far = date(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX)));
        assert_eq!(far, "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn certificate_names_are_shown_without_rustls_notation() {
        let presented = ["DnsName(\"auth.home\")".to_string(), "IpAddress(192.0.2.1)".to_string()];
        assert_eq!(names(&presented), "auth.home, 192.0.2.1");
        assert_eq!(names(&[]), "no name at all");
    }
}
