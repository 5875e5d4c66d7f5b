//! The board's state and its events under one lock, so that all pages see them in the same order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::events::{Events, Line, Subscription};
use super::message::{NodeMessage, now_ms};
use super::view::View;

/// The board's state and its events.
pub(super) struct Record {
    view: Mutex<View>,
    events: Events,
}

impl Record {
    pub(super) fn new(view: View) -> Self {
        Self { view: Mutex::new(view), events: Events::new() }
    }

    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// The current state.
    pub(super) fn view(&self) -> View {
        let mut view = self.locked();
        view.refresh();
        view.clone()
    }

    /// Changes the state and sends it to all pages.
    pub(super) fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.locked();
        change(&mut view);
        view.refresh();
        // The lock is still held, so that no older state follows.
        self.events.state(&*view);
    }

    /// Adds a line to the timeline.
    pub(super) fn say(&self, kind: &'static str, text: impl Into<String>) {
        self.events.line(&Line::new(kind, now_ms(), text));
    }

    /// Adds a page.
    pub(super) fn subscribe(&self, last_id: Option<&str>, too_slow: Arc<Notify>) -> Option<Subscription> {
        let mut view = self.locked();
        view.refresh();
        self.events.subscribe(last_id, &*view, too_slow)
    }

    /// Records a message from the node.
    pub(super) fn record(&self, message: NodeMessage) {
        match message {
            NodeMessage::Edge(edge) => self.events.edge(edge),
            NodeMessage::Shown(shown) => {
                let text = shown
                    .reason
                    .map_or_else(|| shown.words.clone(), |reason| format!("{}: {reason}", shown.words));
                let outcome = Some(shown.outcome);
                self.events.line(&Line { outcome, ..Line::new("outcome", shown.at_ms, text) });
            }
            NodeMessage::Known(known) => self.change(|view| view.node.known = known),
            NodeMessage::Asked { at_ms } => {
                self.events.line(&Line::new("call", at_ms, "asks the auth service"));
                self.change(|view| view.node.calling_since_ms = Some(at_ms));
            }
            NodeMessage::Answered { at_ms, took_ms, ok, text } => {
                let line = Line::new("answer", at_ms, text);
                self.events.line(&Line { ok: Some(ok), took_ms: Some(took_ms), ..line });
                self.change(|view| view.node.calling_since_ms = None);
            }
            NodeMessage::Logged { at_ms, text } => self.events.line(&Line::new("log", at_ms, text)),
            // Only the caller who waits for the installation gets this.
            NodeMessage::Installed(_) => {}
        }
    }

    fn locked(&self) -> MutexGuard<'_, View> {
        // A panic leaves no state behind that a later caller could not use.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
