//! One node in real time: the device's own run loop on a thread of this program.

use node_core::led::Pattern;

mod display;
mod live;
mod real_server;

pub use self::display::Display;
pub use self::live::{LiveNode, News};
pub(crate) use self::real_server::adapt;
pub use self::real_server::run;

/// What an LED with this pattern does, in words.
#[must_use]
pub fn led_in_words(pattern: Pattern) -> String {
    match pattern {
        Pattern::On => "steadily on".into(),
        Pattern::Off => "dark".into(),
        Pattern::Flashes { count: 1, lit_ms, pause_ms, .. } if lit_ms > pause_ms => {
            format!("on, dark {pause_ms} ms every {} s", (lit_ms + pause_ms) / 1000)
        }
        Pattern::Flashes { count: 1, lit_ms, pause_ms, .. } => {
            format!("blinks, {lit_ms} ms on, {pause_ms} ms off")
        }
        Pattern::Flashes { count, .. } => format!("{count} flashes, then a pause"),
    }
}
