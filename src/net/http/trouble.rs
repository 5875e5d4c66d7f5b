//! Explains why a request failed.

use std::io;
use std::io::ErrorKind;

use node_core::trouble::{Trouble, TroubleKind};

use super::HttpClient;
use crate::net::peer::Peer;
use crate::net::tls;
use crate::net::tls::{CutOffError, HandshakeError, PlainPortError};

impl HttpClient {
    pub(super) fn transport_trouble(&self, error: &ureq::Error) -> Trouble {
        let peer = &self.peer;
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended; the rest is bad HTTP")]
        match error {
            ureq::Error::Timeout(_) => self.stalled(),
            ureq::Error::Io(e) => self.io_trouble(e),
            ureq::Error::LargeResponseHeader(..) | ureq::Error::BodyExceedsLimit(_) => peer.trouble(
                TroubleKind::NotUnderstood,
                format_args!("what {peer} answered is far too long for a Jarvis service"),
            ),
            ureq::Error::Other(e) => {
                if let Some(HandshakeError(e)) = e.downcast_ref() {
                    if e.kind() == ErrorKind::TimedOut {
                        return self.stalled_in_handshake();
                    }
                    self.tls.handshake_trouble(peer, e).unwrap_or_else(|| self.io_trouble(e))
                } else if let Some(CutOffError(e)) = e.downcast_ref() {
                    self.io_trouble(e)
                } else if e.is::<PlainPortError>() {
                    tls::port_speaks_tls(peer)
                } else {
                    not_http(peer)
                }
            }
            _ => not_http(peer),
        }
    }

    pub(super) fn stalled(&self) -> Trouble {
        let peer = &self.peer;
        peer.trouble(
            TroubleKind::Stalled,
            format_args!("{peer} took the connection but did not answer in time"),
        )
    }

    fn stalled_in_handshake(&self) -> Trouble {
        let peer = &self.peer;
        Trouble::with_fix(
            TroubleKind::Stalled,
            format_args!("{peer} took the connection but did not answer in TLS in time"),
            format_args!(
                "Check host and port in {}: what listens there does not speak TLS, or it is overloaded, or a firewall or a \
                 tunnel on the way holds large packets back (MTU).",
                peer.service.address
            ),
        )
    }

    fn io_trouble(&self, error: &io::Error) -> Trouble {
        let peer = &self.peer;
        if let Some(trouble) = self.tls.trouble(peer, error) {
            return trouble;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "foreign and open-ended")]
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => {
                let reason = format_args!("{peer} closed the connection before its answer was complete");
                let trouble = peer.trouble(TroubleKind::ClosedEarly, reason);
                if self.https {
                    return trouble;
                }
                // Most ports of TLS close a connection on which plain HTTP is spoken, without a word.
                Trouble::with_fix(
                    trouble.kind,
                    reason,
                    format_args!(
                        "{} If that port speaks TLS, write https:// instead of http:// in {}.",
                        trouble.fix, peer.service.address
                    ),
                )
            }
            kind => peer.trouble(TroubleKind::Unreachable, format_args!("no connection to {peer}: {kind}")),
        }
    }
}

fn not_http(peer: &Peer) -> Trouble {
    peer.trouble(TroubleKind::NotUnderstood, format_args!("what {peer} answered is not proper HTTP"))
}
