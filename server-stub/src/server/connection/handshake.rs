//! Faults of a connection before a request.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::socket::{HOLD, Socket, Valve, wait_for_the_end};
use crate::server::faults::{Accepted, Faults, Handshake};
use crate::server::pki::Identity;

/// The bytes that a stalling server sends of its handshake: the ServerHello and part of the certificate.
const PART: usize = 200;

/// The greeting of a mail server, for example.
const BANNER: &[u8] = b"220 mail.example.com ESMTP\r\n";
/// Alert, TLS 1.2 on the record layer, two bytes: fatal, handshake_failure (RFC 8446, section 6).
const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
/// Alert, fatal, internal_error: what Go's TLS says where it has no certificate for the name.
const NO_CERTIFICATE: &[u8] = &[21, 3, 3, 0, 2, 2, 80];
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Applies a fault to a connection that has just been accepted.
pub(crate) async fn accept(mut socket: Socket, fault: Accepted) {
    match fault {
        Accepted::Silent => wait_for_the_end(&mut socket).await,
        Accepted::Close => {}
        Accepted::Reset => socket.reset().on_drop(),
        Accepted::Banner => {
            // The stub does not depend on how the client reacts, here and below.
            let _ = socket.write_all(BANNER).await;
            wait_for_the_end(&mut socket).await;
        }
    }
}

/// Does the TLS handshake, with its faults. None: the connection is over.
pub(crate) async fn tls(
    mut socket: Socket,
    identity: &Identity,
    faults: Faults,
) -> Option<TlsStream<Socket>> {
    match faults.handshake {
        None => {}
        Some(Handshake::Stall) => socket.throttle(Valve::Left(PART)),
        Some(Handshake::Slow) => socket.throttle(Valve::drip()),
        Some(
            fault @ (Handshake::Close
            | Handshake::Reset
            | Handshake::Alert
            | Handshake::NoCertificate
            | Handshake::Garbage
            | Handshake::Endless),
        ) => {
            answer_without_tls(socket, fault).await;
            return None;
        }
    }
    let config = match faults.certificate {
        None => identity.config(),
        // If the certificate cannot be made, the connection ends, which the client reports.
        Some(flaw) => identity.flawed(flaw).ok()?,
    };
    // TLS has told the client why the handshake failed.
    tokio::time::timeout(HOLD, TlsAcceptor::from(config).accept(socket)).await.ok()?.ok()
}

/// Reads the ClientHello and answers with something other than a TLS handshake.
async fn answer_without_tls(mut socket: Socket, fault: Handshake) {
    if socket.read(&mut [0; 4096]).await.is_err() {
        return;
    }
    let said = match fault {
        Handshake::Reset => {
            socket.reset().on_drop();
            return;
        }
        Handshake::Alert => ALERT,
        Handshake::NoCertificate => NO_CERTIFICATE,
        Handshake::Garbage => PLAIN,
        Handshake::Endless => return send_endless_message(socket).await,
        Handshake::Close | Handshake::Stall | Handshake::Slow => return,
    };
    if socket.write_all(said).await.is_ok() {
        wait_for_the_end(&mut socket).await;
    }
}

/// Sends a ServerHello of 16 MB in records of 16 KiB, again and again.
async fn send_endless_message(mut socket: Socket) {
    let mut record = vec![0; 5 + 0x4000];
    record[..5].copy_from_slice(&[22, 3, 3, 0x40, 0]);
    record[5..9].copy_from_slice(&[2, 0xff, 0xff, 0xff]);
    while socket.write_all(&record).await.is_ok() {
        record[5..9].fill(0);
    }
}
