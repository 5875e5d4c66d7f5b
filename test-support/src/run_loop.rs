//! The device's run loop on a thread of the test.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use embedded_hal::digital::PinState;
use jarvis_node::config::Led;
use jarvis_node::daemon::inbox;
use jarvis_node::daemon::inbox::{Message, Sender};
use jarvis_node::daemon::run_loop::{Node, Notice};
use jarvis_node::error::Warning;
use jarvis_node::setup::Reader;
use node_core::lamp::Lamp;

use crate::pin::RecordingPin;

/// A run loop that runs.
#[derive(Debug)]
pub struct RunLoop {
    sender: Sender,
    thread: JoinHandle<()>,
}

impl RunLoop {
    /// Starts it with the configuration at `config` and the LED at `pin`. It calls `notify` with all that it has
    /// to tell.
    pub fn start(
        config: PathBuf,
        pin: &RecordingPin,
        notify: impl FnMut(Notice<'_>) + Send + 'static,
    ) -> Self {
        let pin = pin.clone();
        Self::with_lamp(config, move || Some(lit_by(&pin)), notify)
    }

    /// Starts it with the LED that `open_lamp` gives, which may be none yet, each time that one is asked for.
    ///
    /// # Panics
    /// If the system gives no thread or no pipe.
    pub fn with_lamp(
        config: PathBuf,
        mut open_lamp: impl FnMut() -> Option<Lamp<RecordingPin>> + Send + 'static,
        mut notify: impl FnMut(Notice<'_>) + Send + 'static,
    ) -> Self {
        let (sender, inbox) = inbox::channel().unwrap();
        let own_end = sender.clone();
        let thread = thread::spawn(move || {
            let mut open_lamp = |_: &Led| {
                open_lamp().map(Some).ok_or_else(|| Warning::new("led", "there is no LED", "Wait for it."))
            };
            let node = Node::new(1, Reader::new(config), (own_end, inbox), &mut open_lamp, &mut notify);
            node.and_then(Node::run).unwrap();
        });
        Self { sender, thread }
    }

    /// Has it read its configuration anew.
    pub fn reload(&self) {
        self.sender.send(Message::Reload);
    }

    /// Ends it and waits for its end.
    ///
    /// # Panics
    /// If it has failed.
    pub fn stop(self) {
        self.sender.send(Message::Stop);
        self.thread.join().unwrap();
    }
}

/// A lamp that is lit while this pin is high.
pub fn lit_by(pin: &RecordingPin) -> Lamp<RecordingPin> {
    Lamp::new(pin.clone(), PinState::High)
}
