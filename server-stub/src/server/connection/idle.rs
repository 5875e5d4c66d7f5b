//! The keep-alive of a Python service: a connection is closed 5.00 s after a response, unless a byte of the
//! next request has arrived (docs/wire/jarvis-auth.md, "Every response"). jarvisd closes none.

use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Whether a connection is in the middle of a request; shared by its stream and its responses.
#[derive(Clone, Default)]
pub(super) struct InRequest(Arc<Mutex<Progress>>);

#[derive(Default)]
struct Progress {
    busy: bool,
    /// The task that waits for the next request. hyper begins to wait before it has sent the last answer, so
    /// it must be woken when the idle time begins.
    reader: Option<Waker>,
}

impl InRequest {
    /// A request's head has been read.
    pub(crate) fn begin(&self) {
        self.progress().busy = true;
    }

    /// `body`, which ends the request when it has been sent or dropped.
    pub(super) fn until_sent(&self, body: Body) -> Body {
        Body::new(Sending { body, request: self.clone() })
    }

    fn end(&self) {
        self.progress().busy = false;
        self.wake_reader();
    }

    fn wake_reader(&self) {
        let reader = self.progress().reader.take();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that ends once it has been idle for its time.
pub(super) struct IdleClose<S> {
    stream: S,
    request: InRequest,
    /// A byte was written and none has been read since.
    answered: bool,
    /// How long it may be idle. None: for ever.
    keep_alive: Option<Duration>,
    since_answer: Pin<Box<Sleep>>,
}

impl<S> IdleClose<S> {
    pub(crate) fn new(stream: S, request: InRequest, keep_alive: Option<Duration>) -> Self {
        let since_answer = Box::pin(sleep(keep_alive.unwrap_or_default()));
        Self { stream, request, answered: false, keep_alive, since_answer }
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        if let (Poll::Ready(Ok(1..)), Some(keep_alive)) = (written, self.keep_alive) {
            self.answered = true;
            self.since_answer.as_mut().reset(Instant::now() + keep_alive);
            self.request.wake_reader();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleClose<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.answered &= buf.filled().len() == before;
            return Poll::Ready(read);
        }
        let idle = {
            let mut progress = self.request.progress();
            let idle = self.answered && !progress.busy;
            progress.reader = (!idle).then(|| cx.waker().clone());
            idle
        };
        if idle {
            ready!(self.since_answer.as_mut().poll(cx));
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleClose<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

struct Sending {
    body: Body,
    request: InRequest,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.request.end();
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
