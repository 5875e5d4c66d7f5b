//! What a node is shown on.

use core::convert::Infallible;

use embedded_hal::digital::{ErrorType, OutputPin};

/// Lines of text and an LED with a caption.
pub trait Display: Clone + Send + 'static {
    /// A line with the time since the start.
    fn say(&self, text: &str);
    /// A line without the time: a heading, or more of what was said.
    fn add(&self, text: &str);
    /// What stands beside the LED.
    fn caption(&self, text: &str);
    /// Draws the LED lit or dark.
    fn light(&self, lit: bool);
}

/// The pin of an LED that is drawn.
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
