//! The interface to whatever shows a node.

use core::convert::Infallible;

use embedded_hal::digital::{ErrorType, OutputPin};

/// Lines of text and an LED with a caption.
pub trait Display: Clone + Send + 'static {
    /// Prints a line with the time since the start.
    fn say(&self, text: &str);
    /// Prints a line without the time: a heading, or a continuation.
    fn add(&self, text: &str);
    /// Sets the text beside the LED.
    fn caption(&self, text: &str);
    /// Draws the LED lit or dark.
    fn light(&self, lit: bool);
}

/// The pin of a drawn LED.
pub(super) struct DrawnLed<D>(pub(super) D);

impl<D> ErrorType for DrawnLed<D> {
    type Error = Infallible;
}

impl<D: Display> OutputPin for DrawnLed<D> {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.light(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.light(true);
        Ok(())
    }
}
