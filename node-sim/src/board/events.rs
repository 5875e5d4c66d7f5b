//! What has happened on the board, for everyone who looks at it: kept for a while, and handed out as it comes.

use core::hash::{BuildHasher, Hasher};
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use super::message::{Edge, now_ms};

/// So many lines a newcomer gets.
const LINES: usize = 200;
/// So many of each kind are kept, for those who come back.
const KEPT: usize = 2000;
/// A newcomer gets the edges of so long, in ms, to draw.
const EDGES_MS: u64 = 12_000;
/// So many events may wait for one consumer: more than a minute's of the fastest pattern.
const WAITING: usize = 1024;
/// So many may look at once.
const CONSUMERS: usize = 64;

/// Something that happened, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Event {
    number: u64,
    pub(super) kind: &'static str,
    pub(super) data: Arc<str>,
    at_ms: u64,
}

/// Of the time line.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pub(super) at_ms: u64,
    pub(super) kind: &'static str,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    /// Three ways: no such thing, null, yes or no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<Option<bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_ms: Option<u64>,
}

impl Line {
    /// A line with nothing but a text.
    pub(super) fn new(kind: &'static str, at_ms: u64, text: impl Into<String>) -> Self {
        Self { at_ms, kind, text: text.into(), outcome: None, ok: None, took_ms: None }
    }
}

/// All events, and who wants them.
pub(super) struct Events {
    /// Tells this run's events from an earlier one's at the same port.
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
    /// The last one that is kept no more.
    forgotten: u64,
}

struct Consumer {
    events: mpsc::Sender<Event>,
    too_slow: Arc<Notify>,
}

/// What a consumer gets: first what was before, then the others as they come.
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

    /// Something for the time line.
    pub(super) fn line(&self, line: &Line) {
        self.inner().keep("line", line.at_ms, line, |inner| &mut inner.lines);
    }

    /// A change of the LED.
    pub(super) fn edge(&self, edge: Edge) {
        self.inner().keep("edge", edge.at_ms, &edge, |inner| &mut inner.edges);
    }

    /// How everything stands now; only the latest counts.
    pub(super) fn state(&self, state: &impl Serialize) {
        let mut inner = self.inner();
        let event = inner.event("state", 0, state);
        inner.hand_out(&event);
    }

    /// Somebody wants to hear, from after the event with this id on, if it is given and all since is still
    /// there; else a newcomer's share. `state` goes before everything. When the consumer does not keep up,
    /// its receiver ends and `too_slow` is told. None: too many look.
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
                // At least the last one: a light may have been on for hours.
                let recent = edges.iter().filter(|edge| edge.at_ms >= from).count().max(1);
                let lines = lines.iter().skip(lines.len().saturating_sub(LINES));
                lines.chain(edges.iter().skip(edges.len().saturating_sub(recent))).cloned().collect()
            }
        };
        before.sort_by_key(|event| event.number);
        let mut state = inner.event("state", 0, state);
        // Whoever comes back with nothing but this has missed all the others.
        state.number = since.unwrap_or_default();
        before.insert(0, state);
        let (events, live) = mpsc::channel(WAITING);
        inner.consumers.push(Consumer { events, too_slow });
        Some(Subscription { before, live })
    }

    /// What a consumer shows when it comes back.
    pub(super) fn id(&self, event: &Event) -> String {
        format!("{:x}-{}", self.run, event.number)
    }

    fn number(&self, id: &str) -> Option<u64> {
        let (run, number) = id.split_once('-')?;
        (u64::from_str_radix(run, 16) == Ok(self.run)).then(|| number.parse().ok())?
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing is left half done by whoever panicked with it in hand.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn event(&self, kind: &'static str, at_ms: u64, data: &impl Serialize) -> Event {
        // Nothing that is sent here can fail to be written.
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
    fn who_does_not_keep_up_is_cut_off_and_holds_nobody_up() {
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
    fn a_newcomer_gets_so_much_and_a_latecomer_all_that_is_kept() {
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
