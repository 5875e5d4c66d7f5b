//! How the board stands and what has happened on it, in one place, so that whoever looks sees both alike.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::events::{Events, Line, Subscription};
use super::message::{Told, now_ms};
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

    /// How it stands.
    pub(super) fn view(&self) -> View {
        let mut view = self.locked();
        view.refresh();
        view.clone()
    }

    /// Changes how it stands, and tells everyone.
    pub(super) fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.locked();
        change(&mut view);
        view.refresh();
        // With the view in hand: no older one comes after it.
        self.events.state(&*view);
    }

    /// A line of the time line.
    pub(super) fn say(&self, kind: &'static str, text: impl Into<String>) {
        self.events.line(&Line::new(kind, now_ms(), text));
    }

    /// Somebody looks.
    pub(super) fn subscribe(&self, last_id: Option<&str>, too_slow: Arc<Notify>) -> Option<Subscription> {
        let mut view = self.locked();
        view.refresh();
        self.events.subscribe(last_id, &*view, too_slow)
    }

    /// What the node tells of itself.
    pub(super) fn take_in(&self, told: Told) {
        match told {
            Told::Edge(edge) => self.events.edge(edge),
            Told::Shown(shown) => {
                let text = shown
                    .reason
                    .map_or_else(|| shown.words.clone(), |reason| format!("{}: {reason}", shown.words));
                let outcome = Some(shown.outcome);
                self.events.line(&Line { outcome, ..Line::new("outcome", shown.at_ms, text) });
            }
            Told::Known(known) => self.change(|view| view.node.known = known),
            Told::Asked { at_ms } => {
                self.events.line(&Line::new("call", at_ms, "asks the auth service"));
                self.change(|view| view.node.calling_since_ms = Some(at_ms));
            }
            Told::Answered { at_ms, took_ms, ok, text } => {
                let line = Line::new("answer", at_ms, text);
                self.events.line(&Line { ok: Some(ok), took_ms: Some(took_ms), ..line });
                self.change(|view| view.node.calling_since_ms = None);
            }
            Told::Logged { at_ms, text } => self.events.line(&Line::new("log", at_ms, text)),
            // Not a matter of record: whoever asked for it hears it.
            Told::Installed(_) => {}
        }
    }

    fn locked(&self) -> MutexGuard<'_, View> {
        // Nothing is left half done by whoever panicked with it in hand.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
