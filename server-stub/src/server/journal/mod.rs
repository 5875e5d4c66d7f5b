//! The log of a server's last requests and their results, without secrets: `GET /__stub/log`.
//!
//! Of a request only those parts are shown that are known not to be secret (see `seen`): the ids in headers
//! and bodies. Of a key or token only its presence and length are shown.

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

/// The number of finished requests that are kept.
const REMEMBERED: usize = 500;

/// The requests of one server.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// The id of the last finished request.
    last: u64,
    over: VecDeque<Entry>,
    begun: u64,
    /// Keyed by the order in which they began.
    under_way: BTreeMap<u64, Begun>,
}

/// A request that has not finished.
struct Begun {
    at: OffsetDateTime,
    tick: Instant,
    from: IpAddr,
    head: RequestHead,
    body: Tap,
    faults: Faults,
    waits: Waits,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// It was answered, perhaps with bytes that a fault has changed.
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
    /// It has not ended.
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
    /// None: the service has no model.
    waited_ms: Option<Waited>,
}

/// The body of `GET /__stub/log`.
#[derive(Serialize)]
struct Log<'a> {
    requests: Vec<&'a Entry>,
    under_way: Vec<Entry>,
}

/// A request that is being answered. If this is dropped before [`OpenRequest::ended`], the connection was
/// lost.
pub(crate) struct OpenRequest {
    journal: Arc<Journal>,
    key: u64,
}

impl Journal {
    /// Records the beginning of a request. Its body is read as it passes.
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

    /// Records a connection without a request.
    pub(super) fn without_request(&self, from: SocketAddr, faults: Faults, ended: Ended) {
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

    /// The requests that ended after the one with this id, oldest first, and those under way.
    pub(crate) fn log(&self, since: u64) -> serde_json::Value {
        let entries = self.entries();
        let requests = entries.over.iter().filter(|entry| entry.id.is_some_and(|id| id > since)).collect();
        let under_way = entries.under_way.values().map(|begun| begun.entry(Ended::UnderWay, None)).collect();
        // Numbers, text and lists of them can always be serialised.
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
