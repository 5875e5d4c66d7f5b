//! Explains TLS errors to the person who has to fix them.

use std::io::ErrorKind;
use std::time::{Duration, UNIX_EPOCH};
use std::{fmt, io};

use node_core::text::{Brief, Text};
use node_core::trouble::{Trouble, TroubleKind};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::Tls;
use super::presented::bare;
use super::verifier::VerifierError;
use crate::net::peer::Peer;

impl Tls {
    /// Explains an error of the handshake; `None` if it is one of the network.
    pub(in crate::net) fn handshake_trouble(&self, peer: &Peer, error: &io::Error) -> Option<Trouble> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Some(peer.trouble(
                TroubleKind::HandshakeCut,
                format_args!("{peer} closed the connection in the middle of the TLS handshake"),
            )),
            _ => self.trouble(peer, error),
        }
    }

    /// Explains an I/O error that contains one of rustls; `None` if it does not.
    pub(in crate::net) fn trouble(&self, peer: &Peer, error: &io::Error) -> Option<Trouble> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
        Some(match error {
            Error::InvalidCertificate(why) => self.certificate_trouble(peer, why),
            Error::AlertReceived(alert) => self.alert_trouble(peer, *alert),
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => no_common_version(peer),
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge,
            ) => peer.trouble(TroubleKind::NoTls, format_args!("what answers at {peer} does not speak TLS")),
            _ => peer.trouble(TroubleKind::Handshake, format_args!("the TLS handshake failed: {error}")),
        })
    }

    fn certificate_trouble(&self, peer: &Peer, why: &CertificateError) -> Trouble {
        let is_pinned = self.asks_time();
        let by = if is_pinned { "the server's own" } else { "this board's" };
        let dated = |kind, reason: fmt::Arguments<'_>| {
            let trouble = peer.trouble(kind, reason);
            let fix = format_args!(
                "Set the clock of {name}'s machine (see `date` there): with spki_pins the server's time counts. If it is \
                 right, have its certificate, or its CA's, renewed.",
                name = peer.service.name
            );
            if is_pinned { Trouble { fix: Text::format(fix), ..trouble } } else { trouble }
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
        match why {
            CertificateError::ExpiredContext { time, not_after } => dated(
                TroubleKind::CertificateExpired,
                format_args!(
                    "the server's certificate, or its CA's, has expired: it ended {}, and by {by} clock it is {}",
                    date(*not_after),
                    date(*time)
                ),
            ),
            CertificateError::NotValidYetContext { time, not_before } => dated(
                TroubleKind::CertificateNotYetValid,
                format_args!(
                    "the server's certificate, or its CA's, is not valid yet: it begins {}, and by {by} clock it \
                     is {}",
                    date(*not_before),
                    date(*time)
                ),
            ),
            CertificateError::UnknownIssuer => peer.trouble(
                TroubleKind::CertificateUnknownIssuer,
                format_args!("the server's certificate is not signed by a CA this node trusts"),
            ),
            // A CA that was recreated under its old name causes this.
            CertificateError::BadSignature => Trouble::with_fix(
                TroubleKind::CertificateUnknownIssuer,
                format_args!(
                    "the server's certificate is not signed by a CA this node trusts, but by one of the same name"
                ),
                format_args!(
                    "Put the CA certificate that signs now into the file of {}: the one there has the same name and \
                     another key.",
                    peer.service.ca_file
                ),
            ),
            CertificateError::NotValidForNameContext { presented, .. } => wrong_name(peer, &bare(presented)),
            CertificateError::InvalidPurposeContext { .. } => peer.trouble(
                TroubleKind::CertificateWrongUsage,
                format_args!("the server's certificate, or its CA's, is not meant for servers (extended key usage)"),
            ),
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => peer.trouble(
                TroubleKind::CertificateWeak,
                format_args!(
                    "the server's certificate, or its CA's, is signed in a way too weak or too rare, such as SHA-1"
                ),
            ),
            CertificateError::Other(inner) => {
                if let Some(refusal) = inner.0.downcast_ref() {
                    verifier_trouble(peer, refusal)
                } else if let Some(why) = inner.0.downcast_ref() {
                    webpki_trouble(peer, why)
                } else {
                    refused(peer, why)
                }
            }
            _ => refused(peer, why),
        }
    }

    fn alert_trouble(&self, peer: &Peer, alert: AlertDescription) -> Trouble {
        let name = name(alert);
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
        match alert {
            // Of a wrong extended key usage, in OpenSSL and rustls.
            AlertDescription::UnsupportedCertificate if self.own.is_there() => Trouble {
                fix: Text::format(format_args!(
                    "Have the certificate in client_cert_file issued for clients: with clientAuth in its extendedKeyUsage, or \
                     without that extension."
                )),
                ..self.client_certificate_trouble(peer, &format!("alert {name}"))
            },
            // If a client was asked for its certificate, all of these are about that (RFC 8446, section 6.2).
            AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            // A CA that was recreated under its old name causes this.
            | AlertDescription::DecryptError
                if self.own.was_asked_for() || self.own.is_there() =>
            {
                self.client_certificate_trouble(peer, &format!("alert {name}"))
            }
            // OpenSSL sends this in TLS 1.2 if the client has no certificate.
            AlertDescription::HandshakeFailure if self.own.was_asked_for() => {
                self.client_certificate_trouble(peer, &format!("alert {name}"))
            }
            AlertDescription::ProtocolVersion => no_common_version(peer),
            AlertDescription::UnrecognisedName => peer.trouble(
                TroubleKind::NameNotServed,
                format_args!("the server knows nothing of {} (alert {name})", peer.host),
            ),
            // Go's servers, and so Caddy and Traefik.
            AlertDescription::InternalError => peer.trouble(
                TroubleKind::NameNotServed,
                format_args!(
                    "the server broke the TLS handshake off as one does that has no certificate for {} (alert {name})",
                    peer.host
                ),
            ),
            _ => broken_off(peer, &name),
        }
    }

    fn client_certificate_trouble(&self, peer: &Peer, how: &str) -> Trouble {
        if self.own.is_there() {
            peer.trouble(
                TroubleKind::ClientCertificateRefused,
                format_args!("the server refuses this node's client certificate ({how})"),
            )
        } else {
            peer.trouble(
                TroubleKind::ClientCertificateMissing,
                format_args!("the server wants a client certificate from this node ({how})"),
            )
        }
    }

    /// Explains a 400 in which a proxy complains about TLS; only `body` tells it from one of the service.
    /// nginx complains about client certificates, and nginx, Apache and Go complain about plain HTTP.
    pub(in crate::net) fn proxy_trouble(&self, peer: &Peer, https: bool, body: &[u8]) -> Option<Trouble> {
        let says = |words: &str| body.windows(words.len()).any(|window| window == words.as_bytes());
        match https {
            false if says("HTTPS") => Some(port_speaks_tls(peer)),
            // Only a proxy before that one can have spoken TLS with it.
            false if says("SSL certificate") && peer.service.takes_client_certificate => {
                Some(Trouble::with_fix(
                    TroubleKind::ClientCertificateMissing,
                    format_args!("what is behind {peer} wants a client certificate (status 400)"),
                    format_args!(
                        "Let the proxy that is asked show its certificate to the one behind it; or write https:// in {}, and \
                     set client_cert_file and client_key_file.",
                        peer.service.address
                    ),
                ))
            }
            _ if says("SSL certificate") => Some(self.client_certificate_trouble(peer, "status 400")),
            _ => None,
        }
    }
}

/// The server answered plain HTTP in TLS, or said that it expects TLS.
pub(in crate::net) fn port_speaks_tls(peer: &Peer) -> Trouble {
    peer.trouble(
        TroubleKind::TlsOnPlainPort,
        format_args!("{peer} speaks TLS, and was spoken to in plain HTTP"),
    )
}

fn broken_off(peer: &Peer, alert: &str) -> Trouble {
    peer.trouble(
        TroubleKind::Handshake,
        format_args!("the server broke the TLS handshake off with the alert {alert}"),
    )
}

fn wrong_name(peer: &Peer, presented: &[String]) -> Trouble {
    let host = peer.host.trim_end_matches('.').to_ascii_lowercase();
    let reason = format_args!(
        "the server's certificate is not made out for {}, but for {}",
        Brief(&host),
        if presented.is_empty() { "no host at all".into() } else { presented.join(", ") }
    );
    if presented.iter().any(|name| name.strip_prefix("DNS:") == Some(&host)) {
        return Trouble::with_fix(
            TroubleKind::CertificateWrongName,
            reason,
            format_args!(
                "Have the certificate reissued with IP:{host} in subjectAltName: an address counts nowhere as a DNS name."
            ),
        );
    }
    let domain = host.split_once('.').map(|(_, domain)| domain).filter(|domain| !domain.contains('.'));
    let wildcard = domain.map(|domain| format!("*.{domain}"));
    // RFC 6125, section 7.2: what is below a whole top-level domain belongs to no one owner.
    match wildcard.filter(|wildcard| presented.iter().any(|name| name.eq_ignore_ascii_case(wildcard))) {
        Some(wildcard) => Trouble::with_fix(
            TroubleKind::CertificateWrongName,
            reason,
            format_args!(
                "Have the certificate reissued with {host} itself in subjectAltName: a wildcard right under a domain of \
                 one label, such as {wildcard}, counts nowhere."
            ),
        ),
        None => peer.trouble(TroubleKind::CertificateWrongName, reason),
    }
}

fn no_common_version(peer: &Peer) -> Trouble {
    peer.trouble(
        TroubleKind::NoCommonTlsVersion,
        format_args!("the server speaks neither TLS 1.2 nor TLS 1.3, but only older versions"),
    )
}

fn verifier_trouble(peer: &Peer, refusal: &VerifierError) -> Trouble {
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
        VerifierError::SelfSigned => peer.trouble(
            TroubleKind::CertificateSelfSigned,
            format_args!("the server's certificate is signed by nobody but itself"),
        ),
        VerifierError::ShortKey => peer.trouble(
            TroubleKind::CertificateWeak,
            format_args!(
                "the key of the server's certificate, or of its CA, is too weak: RSA under 2048 bits"
            ),
        ),
        VerifierError::NeverValid => peer.trouble(
            TroubleKind::CertificateRefused,
            format_args!("there is no moment at which the server's certificate and its CA's are all valid"),
        ),
        VerifierError::KeyNotProved => peer.trouble(
            TroubleKind::KeyNotProved,
            format_args!("the server shows a certificate whose key it does not have"),
        ),
    }
}

fn webpki_trouble(peer: &Peer, why: &webpki::Error) -> Trouble {
    #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; all else has one fix")]
    match why {
        webpki::Error::CaUsedAsEndEntity => peer.trouble(
            TroubleKind::CertificateOfCa,
            format_args!("the server shows the certificate of a CA as its own"),
        ),
        webpki::Error::NameConstraintViolation => peer.trouble(
            TroubleKind::CertificateBeyondIssuer,
            format_args!("the server's certificate holds a name that its CA may not sign (name constraints)"),
        ),
        webpki::Error::PathLenConstraintViolated => peer.trouble(
            TroubleKind::CertificateBeyondIssuer,
            format_args!("there are more CAs between the server's certificate and the root than that allows"),
        ),
        webpki::Error::EndEntityUsedAsCa => peer.trouble(
            TroubleKind::CertificateBeyondIssuer,
            format_args!("the server's certificate is signed by a certificate that is not a CA's"),
        ),
        webpki::Error::UnsupportedCertVersion => Trouble::with_fix(
            TroubleKind::CertificateRefused,
            format_args!(
                "the server's certificate, or its CA's, is of X.509 version 1, where version 3 is needed"
            ),
            format_args!(
                "Have it issued again as version 3: `openssl x509 -req` makes one of version 1 unless it has -extfile, with \
                 a line such as subjectAltName=DNS:{} in that file.",
                Brief(&peer.host)
            ),
        ),
        other => refused(peer, other),
    }
}

fn refused(peer: &Peer, why: &dyn std::fmt::Debug) -> Trouble {
    peer.trouble(
        TroubleKind::CertificateRefused,
        format_args!("the server's certificate was refused: {why:?}"),
    )
}

fn date(time: UnixTime) -> String {
    // httpdate panics from the year 10000 on.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs().min(LAST)))
}

/// The alert's name as in the RFC: `handshake_failure`.
fn name(alert: AlertDescription) -> String {
    // rustls spells it in another way.
    if alert == AlertDescription::UnrecognisedName {
        return "unrecognized_name".into();
    }
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
            (AlertDescription::UnrecognisedName, "unrecognized_name"),
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
}
