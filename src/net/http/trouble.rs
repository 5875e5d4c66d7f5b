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
            | ErrorKind::BrokenPipe => peer.trouble(
                TroubleKind::ClosedEarly,
                format_args!("{peer} closed the connection before its answer was complete"),
            ),
            kind => peer.trouble(TroubleKind::Unreachable, format_args!("no connection to {peer}: {kind}")),
        }
    }
}

fn not_http(peer: &Peer) -> Trouble {
    peer.trouble(TroubleKind::NotUnderstood, format_args!("what {peer} answered is not proper HTTP"))
}
