//! A service on loopback, in plain HTTP, with answers that the test chooses.

use core::net::SocketAddr;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use test_support::rude::read_request;

pub(super) struct Service {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// Answers the requests, counted from 0, with `answer`, and closes each connection.
    pub(super) fn new(answer: impl Fn(usize) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        thread::spawn(move || {
            for (count, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let mut stream = stream;
                let request = read_request(&mut stream);
                kept.lock().unwrap().push(request);
                // The client may have gone.
                let _ = stream.write_all(answer(count).as_bytes());
            }
        });
        Self { address, heard }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far, whole.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// The tokens that came with them.
    pub(super) fn tokens(&self) -> Vec<String> {
        let token = |request: &String| {
            let (_, rest) =
                request.to_ascii_lowercase().find("authorization: bearer ").map(|at| request.split_at(at))?;
            Some(rest["authorization: bearer ".len()..].lines().next()?.to_owned())
        };
        self.heard().iter().map(|request| token(request).unwrap()).collect()
    }
}

/// An answer with this status, these header lines and this body.
pub(super) fn answer(status: u16, lines: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len())
}
