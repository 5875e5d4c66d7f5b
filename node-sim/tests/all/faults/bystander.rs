//! Another host, to which redirects point. A connection to it shows that one was followed.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

pub(super) struct Bystander {
    addr: SocketAddr,
    visits: Arc<AtomicUsize>,
}

impl Bystander {
    pub(super) fn start() -> Self {
        // Another address than the stub's, so that it is another host by any rule.
        let listener =
            TcpListener::bind("127.0.0.2:0").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        thread::spawn(move || {
            for visitor in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(visitor);
            }
        });
        Self { addr, visits }
    }

    /// Plain HTTP: no failing certificate can keep the node from following.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}
