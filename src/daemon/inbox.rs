//! Where the run loop waits: for what workers, signals and other threads report, or for a moment. One thread, one
//! `poll`, no wake-up without a cause.

use std::io;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use node_core::answer::Answer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::watch::Watch;
use crate::error::Warning;
use crate::sts::{AccessToken, TokenError, Wanted};

/// A report to the run loop.
#[derive(Debug)]
pub enum Message {
    /// The answer to a validation or a probe.
    Answered(Answer),
    /// Whether the state file could be written, if that has changed.
    Remembered(Result<(), Warning>),
    /// What did not work of what follows a good validation, if that has changed.
    FollowedUp(Vec<Warning>),
    /// What came of sending lines of the log to the home: why they were not taken, if they were not.
    LogSent(Option<Warning>),
    /// The result of asking the STS.
    TokenFetched(FetchedToken),
    /// Configuration or credential may have changed and are to be read (SIGHUP).
    Reload,
    /// One of the files that [`Inbox::follow`] named was put in place, written to, or given another owner or mode.
    FileChanged,
    /// The program is to end (SIGTERM, SIGINT).
    Stop,
}

/// The result of asking the STS for one token.
#[derive(Debug)]
pub struct FetchedToken {
    /// The token that was asked for.
    pub(super) wanted: Wanted,
    /// The token, or why there is none.
    pub(super) result: Result<AccessToken, TokenError>,
    /// The number of the job.
    pub(super) number: u64,
}

/// The receiving end.
#[derive(Debug)]
pub struct Inbox {
    messages: mpsc::Receiver<Message>,
    wake: UnixStream,
    signals: Signals,
    /// `None` where the system has no inotify to give.
    watch: Option<Watch>,
}

/// A sending end, for other threads.
#[derive(Clone, Debug)]
pub struct Sender {
    messages: mpsc::Sender<Message>,
    wake: Arc<UnixStream>,
}

#[derive(Debug, Default)]
struct Signals {
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

/// An inbox and its sending end.
///
/// # Errors
/// When the system has no socket pair to give.
pub fn channel() -> io::Result<(Sender, Inbox)> {
    let (wakes, woken) = UnixStream::pair()?;
    wakes.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let (sender, messages) = mpsc::channel();
    let inbox = Inbox { messages, wake: woken, signals: Signals::default(), watch: Watch::new().ok() };
    Ok((Sender { messages: sender, wake: Arc::new(wakes) }, inbox))
}

impl Sender {
    /// Leaves a message and wakes the run loop; does nothing once the loop has ended.
    pub fn send(&self, message: Message) {
        if self.messages.send(message).is_ok() {
            // A full socket wakes the loop as well.
            let _ = (&*self.wake).write(&[0]);
        }
    }

    /// Makes SIGHUP, SIGTERM and SIGINT arrive in `inbox`.
    ///
    /// # Errors
    /// When the system refuses a handler.
    #[cfg(unix)]
    pub fn catch_signals(&self, inbox: &Inbox) -> io::Result<()> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for (signal, flag) in
            [(SIGHUP, &inbox.signals.reload), (SIGTERM, &inbox.signals.stop), (SIGINT, &inbox.signals.stop)]
        {
            // The flag first: the loop must find it set when it is woken.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, self.wake.try_clone()?)?;
        }
        Ok(())
    }
}

impl Inbox {
    /// The next message, without waiting. A request to stop comes before all else.
    pub fn try_next(&mut self) -> Option<Message> {
        if self.signals.stop.swap(false, Ordering::Relaxed) {
            return Some(Message::Stop);
        }
        if self.signals.reload.swap(false, Ordering::Relaxed) {
            return Some(Message::Reload);
        }
        if self.watch.as_mut().is_some_and(Watch::has_changed) {
            return Some(Message::FileChanged);
        }
        self.messages.try_recv().ok()
    }

    /// Makes changes of the files at `paths`, and of no others, arrive here if the system can report them. If it
    /// cannot, they are found when the file is next read.
    pub fn follow(&mut self, paths: &[PathBuf]) {
        if let Some(watch) = &mut self.watch {
            watch.follow(paths);
        }
    }

    /// Waits until there may be a message or one of `others` is ready, or for `limit`. Returns the places of
    /// those that are.
    ///
    /// # Errors
    /// When the system cannot wait.
    pub fn wait<'a>(&'a self, limit: Duration, others: Vec<PollFd<'a>>) -> io::Result<Vec<usize>> {
        let timeout = Timespec::try_from(limit).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        let known = others.len();
        let mut sources = others;
        sources.push(PollFd::new(&self.wake, PollFlags::IN));
        let watch = self.watch.as_ref().and_then(Watch::as_fd);
        sources.extend(watch.map(|watch| PollFd::from_borrowed_fd(watch, PollFlags::IN)));
        match poll(&mut sources, Some(&timeout)) {
            // Interrupted by a signal: its flag is set and its byte is in the socket.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let mut bytes = [0; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(n) if n > 0) {}
        let ready = sources[..known].iter().enumerate().filter(|(_, source)| !source.revents().is_empty());
        Ok(ready.map(|(place, _)| place).collect())
    }
}
