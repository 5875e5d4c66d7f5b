//! What a server was asked lately and what became of it, without the secrets: `GET /__stub/log`.
//!
//! Nothing is shown of a request but what is known to be no secret (see `seen`): of headers and bodies
//! the ids of who asks, of a key or a token that it was there and how long it was.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::moment::moment;
use crate::server::faults::Faults;
use seen::{RequestHead, Seen};
use tap::{Tap, Tapped};
use waits::Waited;
pub(crate) use waits::{Resource, Waits};

mod seen;
mod tap;
mod waits;

/// How many requests are remembered.
const REMEMBERED: usize = 500;

/// The requests of one server.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// The number of the last one that is over.
    last: u64,
    over: VecDeque<Entry>,
    begun: u64,
    /// By the order in which they began.
    under_way: BTreeMap<u64, Begun>,
}

/// A request that is not over.
struct Begun {
    at: OffsetDateTime,
    tick: Instant,
    from: IpAddr,
    head: RequestHead,
    body: Tap,
    faults: Faults,
    waits: Waits,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// With this status, or with bytes that a fault made of such an answer.
    Answered,
    /// Closed without an answer, by a fault.
    Closed,
    /// Reset without an answer, by a fault.
    Reset,
    /// The client left, or the server went down.
    Abandoned,
    /// There was no request: the TLS handshake failed.
    NoHandshake,
    /// There was no request: a fault came before it.
    NoRequest,
    /// It has not.
    UnderWay,
}

#[derive(Serialize)]
struct Entry {
    /// None: it is under way.
    id: Option<u64>,
    #[serde(serialize_with = "moment")]
    at: OffsetDateTime,
    from: IpAddr,
    #[serde(flatten)]
    seen: Seen,
    status: Option<u16>,
    ended: Ended,
    latency_ms: u128,
    faults: Faults,
    /// None: nothing had to be waited for, since the service has no model.
    waited_ms: Option<Waited>,
}

/// What is told of a server's requests.
#[derive(Serialize)]
struct Log<'a> {
    requests: Vec<&'a Entry>,
    under_way: Vec<Entry>,
}

/// A request that is being answered. Dropped before that is said, it has lost its connection.
pub(crate) struct OpenRequest {
    journal: Arc<Journal>,
    key: u64,
}

impl Journal {
    /// Remembers that a request has come; what is known of it later, too, is read as it passes.
    pub(crate) fn begin(
        self: &Arc<Self>,
        request: Request,
        from: SocketAddr,
        faults: Faults,
    ) -> (Request, OpenRequest) {
        let (mut head, body) = request.into_parts();
        let (tap, waits) = (Tap::default(), Waits::default());
        head.extensions.insert(waits.clone());
        let begun = Begun {
            at: OffsetDateTime::now_utc(),
            tick: Instant::now(),
            from: from.ip().to_canonical(),
            head: RequestHead::of(&head),
            body: tap.clone(),
            faults,
            waits,
        };
        let mut entries = self.entries();
        entries.begun += 1;
        let key = entries.begun;
        entries.under_way.insert(key, begun);
        drop(entries);
        let request = Request::from_parts(head, Body::new(Tapped::new(body, tap)));
        (request, OpenRequest { journal: Arc::clone(self), key })
    }

    /// Remembers a connection on which there was no request.
    pub(crate) fn without_request(&self, from: SocketAddr, faults: Faults, ended: Ended) {
        self.entries().add(Entry {
            id: None,
            at: OffsetDateTime::now_utc(),
            from: from.ip().to_canonical(),
            seen: Seen::default(),
            status: None,
            ended,
            latency_ms: 0,
            faults,
            waited_ms: None,
        });
    }

    /// Those that ended after the one of this number, oldest first, and those that are under way.
    pub(crate) fn log(&self, since: u64) -> serde_json::Value {
        let entries = self.entries();
        let requests = entries.over.iter().filter(|entry| entry.id.is_some_and(|id| id > since)).collect();
        let under_way = entries.under_way.values().map(|begun| begun.entry(Ended::UnderWay, None)).collect();
        // Cannot fail: numbers, text and lists of them.
        serde_json::to_value(Log { requests, under_way }).unwrap_or_default()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn add(&mut self, mut entry: Entry) {
        self.last += 1;
        entry.id = Some(self.last);
        if self.over.len() == REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back(entry);
    }
}

impl Begun {
    fn entry(&self, ended: Ended, status: Option<u16>) -> Entry {
        Entry {
            id: None,
            at: self.at,
            from: self.from,
            seen: self.body.look(|body| self.head.seen_with(body)),
            status,
            ended,
            latency_ms: self.tick.elapsed().as_millis(),
            faults: self.faults,
            waited_ms: self.waits.so_far(),
        }
    }
}

impl OpenRequest {
    pub(crate) fn ended(self, ended: Ended, status: Option<u16>) {
        self.close(ended, status);
    }

    fn close(&self, ended: Ended, status: Option<u16>) {
        let mut entries = self.journal.entries();
        if let Some(begun) = entries.under_way.remove(&self.key) {
            entries.add(begun.entry(ended, status));
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.close(Ended::Abandoned, None);
    }
}
