//! Lines of text, and below them, on a terminal, the LED.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::node::Display;

/// Standard output, which the demo and the LED share.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<ScreenState>>);

struct ScreenState {
    start: Instant,
    /// Draw the LED below the text and repaint it; otherwise plain lines only.
    live: bool,
    coloured: bool,
    lit: bool,
    caption: String,
}

impl Screen {
    /// Standard output: with a live LED if it is a terminal, plain lines otherwise.
    #[must_use]
    pub fn stdout() -> Self {
        let live = io::stdout().is_terminal();
        // https://no-color.org
        let coloured = live && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self(Arc::new(Mutex::new(ScreenState {
            start: Instant::now(),
            live,
            coloured,
            lit: false,
            caption: String::new(),
        })))
    }

    /// Removes the LED from the terminal.
    pub fn finish(&self) {
        let mut state = self.state();
        if core::mem::take(&mut state.live) {
            write(format_args!("\r\x1b[2K"));
        }
    }

    fn state(&self) -> MutexGuard<'_, ScreenState> {
        // A panic leaves no state behind that a later caller could not use.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Display for Screen {
    fn say(&self, text: &str) {
        let state = self.state();
        let elapsed = state.start.elapsed().as_secs_f32();
        state.print(&format!("{elapsed:5.1} s  {text}\n"));
    }

    fn add(&self, text: &str) {
        self.state().print(&format!("         {text}\n"));
    }

    fn caption(&self, text: &str) {
        let mut state = self.state();
        text.clone_into(&mut state.caption);
        state.print("");
    }

    fn light(&self, lit: bool) {
        let mut state = self.state();
        state.lit = lit;
        state.print("");
    }
}

impl ScreenState {
    fn print(&self, text: &str) {
        if !self.live {
            return write(format_args!("{text}"));
        }
        let led = match (self.lit, self.coloured) {
            (true, true) => "\x1b[92m●\x1b[0m",
            (false, true) => "\x1b[90m○\x1b[0m",
            (true, false) => "●",
            (false, false) => "○",
        };
        // Line wrapping is off: a caption on two lines could not be painted over.
        write(format_args!("\r\x1b[2K{text}\x1b[?7l   LED {led}  {}\x1b[?7h", self.caption));
    }
}

fn write(text: core::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    // The reader may have closed the pipe.
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}
