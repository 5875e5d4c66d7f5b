//! A terminal that does not show what is typed: a secret must not stay on a screen, nor in a recording of it.

use std::io;
use std::io::Read;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::commands::signals::Held;

/// Standard input, a terminal, whose echo is off until this is dropped, a signal ends the program, or one stops it.
#[derive(Debug)]
pub(crate) struct SilentTerminal {
    before: Termios,
    signals: Held,
}

impl SilentTerminal {
    /// # Errors
    /// When standard input is no terminal, or the system lacks sockets.
    pub(crate) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        // Signals first: one that comes in between must not leave the terminal silent.
        let silent = Self { before, signals: Held::hold()? };
        silent.hide()?;
        Ok(silent)
    }

    fn hide(&self) -> io::Result<()> {
        let mut silent = self.before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // Enter is answered nevertheless.
        silent.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        Ok(tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?)
    }

    /// What was typed and not read yet is dropped: a shell would show it, and run it.
    fn show(&self) {
        // The terminal may be gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }

    /// Lets a signal that came do what it usually does, in a terminal as it was.
    fn act(&self) -> io::Result<()> {
        if let Some(signal) = self.signals.take() {
            self.show();
            Held::act(signal);
            // It was stopped, and goes on.
            self.hide()?;
        }
        Ok(())
    }
}

impl Read for SilentTerminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = io::stdin();
        loop {
            let mut ready = [&input as &dyn rustix::fd::AsFd, &self.signals.came]
                .map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN));
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(why) => return Err(why.into()),
            }
            let [typed, came] = ready.map(|fd| !fd.revents().is_empty());
            if came {
                (&self.signals.came).read(&mut [0; 16])?;
                self.act()?;
            } else if typed {
                return Ok(rustix::io::read(&input, buffer)?);
            }
        }
    }
}

impl Drop for SilentTerminal {
    fn drop(&mut self) {
        self.show();
        if let Some(signal) = self.signals.take() {
            Held::act(signal);
        }
    }
}
