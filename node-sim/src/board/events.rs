//! The board's events: kept for a while, and sent to every open page.

use core::hash::{BuildHasher, Hasher};
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use super::message::{Edge, now_ms};

/// How many lines a new page gets.
const LINES: usize = 200;
/// How many events of each kind are kept for pages that reconnect.
const KEPT: usize = 2000;
/// How many milliseconds of edges a new page gets to draw.
const EDGES_MS: u64 = 12_000;
/// How many events may wait for one consumer: more than a minute of the fastest pattern.
const WAITING: usize = 1024;
/// How many pages may be open.
const CONSUMERS: usize = 64;

/// An event in the form in which it is sent.
#[derive(Clone, Debug)]
pub(super) struct Event {
    number: u64,
    pub(super) kind: &'static str,
    pub(super) data: Arc<str>,
    at_ms: u64,
}

/// An entry of the timeline.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pub(super) at_ms: u64,
    pub(super) kind: &'static str,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    /// Absent, null, or the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<Option<bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_ms: Option<u64>,
}

impl Line {
    /// A line that has a text only.
    pub(super) fn new(kind: &'static str, at_ms: u64, text: impl Into<String>) -> Self {
        Self { at_ms, kind, text: text.into(), outcome: None, ok: None, took_ms: None }
    }
}

/// All events and their consumers.
pub(super) struct Events {
    /// Distinguishes this run from an earlier one at the same port.
    run: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    lines: Kept,
    edges: Kept,
    consumers: Vec<Consumer>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    /// The number of the last event that was dropped.
    forgotten: u64,
}

struct Consumer {
    events: mpsc::Sender<Event>,
    too_slow: Arc<Notify>,
}

/// The events for one consumer: first those kept, then new ones.
pub(super) struct Subscription {
    pub(super) before: Vec<Event>,
    pub(super) live: mpsc::Receiver<Event>,
}

impl Kept {
    fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > KEPT {
            self.forgotten = self.events.pop_front().map_or(self.forgotten, |event| event.number);
        }
    }

    fn after(&self, number: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.number > number)
    }
}

impl Events {
    pub(super) fn new() -> Self {
        Self { run: RandomState::new().build_hasher().finish(), inner: Mutex::default() }
    }

    /// Adds an entry to the timeline.
    pub(super) fn line(&self, line: &Line) {
        self.inner().keep("line", line.at_ms, line, |inner| &mut inner.lines);
    }

    /// Adds a change of the LED.
    pub(super) fn edge(&self, edge: Edge) {
        self.inner().keep("edge", edge.at_ms, &edge, |inner| &mut inner.edges);
    }

    /// Sends the current state. It is not kept, since only the latest counts.
    pub(super) fn state(&self, state: &impl Serialize) {
        let mut inner = self.inner();
        let event = inner.event("state", 0, state);
        inner.hand_out(&event);
    }

    /// Adds a consumer. It gets `state` first, and then the events after the one with the id `last_id`, if
    /// that is given and everything since is still kept; otherwise it gets what a new page gets. A consumer
    /// that does not keep up is dropped, and `too_slow` is notified. `None`: too many pages are open.
    pub(super) fn subscribe(
        &self,
        last_id: Option<&str>,
        state: &impl Serialize,
        too_slow: Arc<Notify>,
    ) -> Option<Subscription> {
        let mut inner = self.inner();
        inner.consumers.retain(|consumer| !consumer.events.is_closed());
        if inner.consumers.len() >= CONSUMERS {
            return None;
        }
        let since = last_id.and_then(|id| self.number(id)).filter(|number| {
            (inner.lines.forgotten.max(inner.edges.forgotten)..=inner.last).contains(number)
        });
        let (lines, edges) = (&inner.lines.events, &inner.edges.events);
        let mut before: Vec<Event> = match since {
            Some(number) => inner.lines.after(number).chain(inner.edges.after(number)).cloned().collect(),
            None => {
                let from = now_ms().saturating_sub(EDGES_MS);
                // At least the last edge, since the LED may have been on for hours.
                let recent = edges.iter().filter(|edge| edge.at_ms >= from).count().max(1);
                let lines = lines.iter().skip(lines.len().saturating_sub(LINES));
                lines.chain(edges.iter().skip(edges.len().saturating_sub(recent))).cloned().collect()
            }
        };
        before.sort_by_key(|event| event.number);
        let mut state = inner.event("state", 0, state);
        // A page that reconnects with this number has missed all other events.
        state.number = since.unwrap_or_default();
        before.insert(0, state);
        let (events, live) = mpsc::channel(WAITING);
        inner.consumers.push(Consumer { events, too_slow });
        Some(Subscription { before, live })
    }

    /// The id that a consumer sends when it reconnects.
    pub(super) fn id(&self, event: &Event) -> String {
        format!("{:x}-{}", self.run, event.number)
    }

    fn number(&self, id: &str) -> Option<u64> {
        let (run, number) = id.split_once('-')?;
        (u64::from_str_radix(run, 16) == Ok(self.run)).then(|| number.parse().ok())?
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic leaves no state behind that a later caller could not use.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn event(&self, kind: &'static str, at_ms: u64, data: &impl Serialize) -> Event {
        // None of the types sent here can fail to serialize.
        let data = serde_json::to_string(data).unwrap_or_default();
        Event { number: self.last, kind, data: data.into(), at_ms }
    }

    fn keep(
        &mut self,
        kind: &'static str,
        at_ms: u64,
        data: &impl Serialize,
        at: fn(&mut Self) -> &mut Kept,
    ) {
        self.last += 1;
        let event = self.event(kind, at_ms, data);
        self.hand_out(&event);
        at(self).push(event);
    }

    fn hand_out(&mut self, event: &Event) {
        self.consumers.retain(|consumer| match consumer.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                consumer.too_slow.notify_one();
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribed(events: &Events, last_id: Option<&str>, too_slow: &Arc<Notify>) -> Subscription {
        events.subscribe(last_id, &"state", Arc::clone(too_slow)).expect("room")
    }

    fn told(subscription: &mut Subscription) -> Vec<String> {
        let mut told: Vec<_> = subscription.before.drain(..).collect();
        while let Ok(event) = subscription.live.try_recv() {
            told.push(event);
        }
        told.iter().map(|event| event.data.to_string()).collect()
    }

    fn edge(at_ms: u64) -> Edge {
        Edge { at_ms, lit: at_ms.is_multiple_of(2) }
    }

    #[test]
    fn slow_consumer_is_dropped_and_delays_no_other() {
        let events = Events::new();
        let (slow, quick) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut left_behind = subscribed(&events, None, &slow);
        let mut keeps_up = subscribed(&events, None, &quick);
        assert_eq!(told(&mut keeps_up), ["\"state\""]);
        let total = WAITING + 1;
        for n in 0..total {
            events.edge(edge(n as u64));
            assert_eq!(told(&mut keeps_up).len(), 1, "as it comes");
        }
        let was_told = |notify: &Notify| core::pin::pin!(notify.notified()).enable();
        assert!(was_told(&slow) && !was_told(&quick));
        assert_eq!(told(&mut left_behind).len(), 1 + WAITING, "what it got is in order and has no gap");
        assert!(left_behind.live.is_closed());
    }

    #[test]
    fn new_page_gets_a_share_and_a_returning_one_all_it_missed() {
        let events = Events::new();
        let notify = Arc::new(Notify::new());
        events.edge(edge(0));
        for n in 0..LINES + 5 {
            events.line(&Line::new("log", 0, n.to_string()));
        }
        let newcomer = subscribed(&events, None, &notify);
        assert_eq!(newcomer.before.len(), 1 + 1 + LINES, "state, the last edge however old, lines");
        assert_eq!(newcomer.before[1].kind, "edge", "by the order in which they came");
        let id = |number: u64| format!("{:x}-{number}", events.run);
        assert_eq!(subscribed(&events, Some(&id(0)), &notify).before.len(), 1 + 1 + LINES + 5);
        assert_eq!(subscribed(&events, Some(&id(200)), &notify).before.len(), 1 + 6);
        let of_the_future = subscribed(&events, Some(&id(1_000_000)), &notify);
        assert_eq!(of_the_future.before.len(), newcomer.before.len());
        for n in 0..KEPT {
            events.edge(edge(n as u64));
        }
        assert_eq!(subscribed(&events, Some(&id(206)), &notify).before.len(), 1 + KEPT);
        events.edge(edge(0));
        let too_late = subscribed(&events, Some(&id(1)), &notify);
        assert!(too_late.before.len() < KEPT, "as a newcomer: something is missing");
    }
}
