//! A TCP stream that can end in a reset and whose writing can be throttled.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The time between two bytes of a slow answer.
pub(super) const DRIP: Duration = Duration::from_millis(100);
/// How long a stalled connection is kept: longer than any client waits.
pub(super) const HOLD: Duration = Duration::from_secs(900);

/// Makes a connection end with RST instead of FIN when it is dropped.
#[derive(Clone, Default)]
pub(crate) struct Reset(Arc<AtomicBool>);

impl Reset {
    pub(super) fn on_drop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The limit on writing.
pub(super) enum Valve {
    Open,
    /// A byte every [`DRIP`].
    Drip(Pin<Box<Sleep>>),
    /// This many bytes.
    Left(usize),
}

impl Valve {
    pub(super) fn drip() -> Self {
        Self::Drip(Box::pin(sleep(DRIP)))
    }
}

/// The stream at the bottom of each connection.
pub(super) struct Socket {
    stream: TcpStream,
    valve: Valve,
    reset: Reset,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, valve: Valve::Open, reset: Reset::default() }
    }

    pub(crate) fn reset(&self) -> Reset {
        self.reset.clone()
    }

    pub(super) fn throttle(&mut self, valve: Valve) {
        self.valve = valve;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.0.load(Ordering::Relaxed) {
            // If the system refuses, the connection ends in the usual way.
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// Reads and discards until the client closes.
pub(super) async fn wait_for_the_end(stream: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 1024];
    let reading = async { while matches!(stream.read(&mut bytes).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(HOLD, reading).await;
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let most = match &mut this.valve {
            Valve::Open => buf.len(),
            Valve::Drip(next) => {
                ready!(next.as_mut().poll(cx));
                this.valve = Valve::drip();
                buf.len().min(1)
            }
            // The code that throttled the stream ends the connection by a time-out.
            Valve::Left(0) => return Poll::Pending,
            Valve::Left(left) => {
                let most = buf.len().min(*left);
                *left -= most;
                most
            }
        };
        Pin::new(&mut this.stream).poll_write(cx, &buf[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
