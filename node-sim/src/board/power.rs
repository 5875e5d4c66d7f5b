//! The node's process as a power supply: switched on, and pulled.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::message::{Edge, NodeMessage, Order, now_ms, write_to};
use super::record::Record;

/// How long an orderly end may take.
const ORDERLY: Duration = Duration::from_secs(5);

/// A node that has power. Dropping it ends the node.
pub(super) struct Powered {
    child: Child,
    orders: Option<ChildStdin>,
    reader: Option<JoinHandle<()>>,
    pulled: Arc<AtomicBool>,
    /// Whether its messages have ended, which is told before the system counts the process as ended.
    ended: Arc<AtomicBool>,
    installed: Installed,
}

/// The channel to whoever waits for the result of an installation.
type Installed = Arc<Mutex<Option<mpsc::Sender<Option<String>>>>>;

impl Powered {
    /// Starts a node with the configuration at `config`; its messages go to `record`.
    pub(super) fn on(
        config: &Path,
        pin_log: Option<&Path>,
        clock_offset: i64,
        record: &Arc<Record>,
    ) -> io::Result<Self> {
        let mut command = Command::new(this_program()?);
        command.arg("board-node").arg("--config").arg(config);
        command.arg(format!("--clock-offset={clock_offset}"));
        if let Some(path) = pin_log {
            command.arg("--pin-log").arg(path);
        }
        // These belong to a service manager, which does not know this process.
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"] {
            command.env_remove(variable);
        }
        // Ctrl-C is meant for the board, which then ends its node in order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (orders, messages) = (child.stdin.take(), child.stdout.take());
        record.change(|view| view.powered(child.id()));
        let (pulled, ended) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let installed = Installed::default();
        let mut powered = Self {
            child,
            orders,
            reader: None,
            pulled: Arc::clone(&pulled),
            ended: Arc::clone(&ended),
            installed: Arc::clone(&installed),
        };
        if let Some(messages) = messages {
            let record = Arc::clone(record);
            let listen = move || {
                record_messages(BufReader::new(messages), &record, &installed);
                ended.store(true, Ordering::Relaxed);
                record_end(&record, &pulled);
            };
            powered.reader = Some(thread::Builder::new().name("board".into()).spawn(listen)?);
        }
        Ok(powered)
    }

    /// Whether its process still runs.
    pub(super) fn is_on(&mut self) -> bool {
        !self.ended.load(Ordering::Relaxed) && matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the node at once, and returns when all its messages are recorded.
    pub(super) fn pull(mut self) {
        self.pulled.store(true, Ordering::Relaxed);
        self.finish(Duration::ZERO);
    }

    /// Sends an order.
    pub(super) fn order(&mut self, order: &Order) -> io::Result<()> {
        write_to(self.orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?, order)
    }

    /// Sends an order to install a credential. The result is received from the channel, which closes if the
    /// power goes first.
    pub(super) fn install(&mut self, order: &Order) -> io::Result<mpsc::Receiver<Option<String>>> {
        let (sender, result) = mpsc::channel();
        *self.installed.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        self.order(order)?;
        Ok(result)
    }

    fn finish(&mut self, patience: Duration) {
        let until = Instant::now() + patience;
        if !patience.is_zero() {
            // The node ends when its input does.
            self.orders = None;
            while self.is_on() && Instant::now() < until {
                thread::sleep(Duration::from_millis(5));
            }
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            // A panic of that thread is already on standard error.
            let _ = reader.join();
        }
    }
}

impl Drop for Powered {
    fn drop(&mut self) {
        self.finish(ORDERLY);
    }
}

/// This executable, even if it has been replaced by a newer build.
fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Records the node's messages until it ends.
fn record_messages(messages: impl BufRead, record: &Record, installed: &Installed) {
    let mut lit = false;
    for line in messages.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(NodeMessage::Edge(edge)) => {
                lit = edge.lit;
                record.events().edge(edge);
            }
            Ok(NodeMessage::Installed(why_not)) => {
                if let Some(sender) = installed.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // The receiver may be gone.
                    let _ = sender.send(why_not);
                }
            }
            Ok(message) => record.record(message),
            // A message that was cut short when the power went.
            Err(_) => {}
        }
    }
    *installed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    if lit {
        // Without power the LED is dark.
        record.events().edge(Edge { at_ms: now_ms(), lit: false });
    }
}

fn record_end(record: &Record, pulled: &AtomicBool) {
    record.change(super::view::View::unpowered);
    if !pulled.load(Ordering::Relaxed) {
        record.say(
            "power",
            "The node has ended. On a real board systemd restarts it; here, switch the power on.",
        );
    }
}
