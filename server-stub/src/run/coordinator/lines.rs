//! A response body whose lines arrive one by one.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// Ends when the sender is dropped.
pub(super) struct Lines(mpsc::Receiver<Bytes>);

impl Lines {
    pub(super) fn new(lines: mpsc::Receiver<Bytes>) -> Self {
        Self(lines)
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
