//! A board to look at: a Jarvis node with its LED on a web page of this machine, and controls that break
//! everything it depends on.
//!
//! ```text
//! browser ◄─ GET /events ─┐
//!         ── POST /do ───►│ node-sim board ── orders ────► node-sim board-node
//!                         │   a stub server ◄─ messages ─  the device's run loop
//! ```
//!
//! | | |
//! |---|---|
//! | `node`, `message` | the node, in a process of its own so that its power can be pulled |
//! | `power` | that process, seen from the board |
//! | `bench`, `controls` | the node's files, its server, and the controls |
//! | `record`, `view`, `events` | the state, the events, and the open pages |
//! | `web`, `door`, `page` | HTTP, access control, and the page |

use core::time::Duration;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

mod bench;
mod command;
mod controls;
mod door;
mod events;
mod message;
pub mod node;
mod page;
mod power;
mod record;
mod view;
mod web;

use bench::Bench;
pub use command::BoardArguments;
use record::Record;

/// How often the state is sent even if nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// Shows the board until SIGINT, SIGTERM or SIGHUP, and then ends what it started.
///
/// # Errors
/// A sentence, if the address, the server or the node is not available.
pub fn run(arguments: &BoardArguments) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| e.to_string())?.block_on(show(arguments))
}

async fn show(arguments: &BoardArguments) -> Result<(), String> {
    let failed = |e: io::Error| e.to_string();
    let mut ends = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .map(signal)
        .into_iter()
        .collect::<io::Result<Vec<_>>>()
        .map_err(failed)?;
    let listener = listen(arguments).await?;
    let url = format!("http://{}/", listener.local_addr().map_err(failed)?);
    let bench = Arc::new(Bench::new(arguments)?);
    // The reader may have closed the pipe.
    let _ = writeln!(io::stdout(), "{url}");
    if !arguments.no_open {
        open(&url);
    }
    tokio::select! {
        served = web::serve(listener, Arc::clone(&bench)) => served.map(|never| match never {}).map_err(failed),
        () = tick(&bench.record) => Ok(()),
        () = any_of(&mut ends) => Ok(()),
    }
}

async fn listen(arguments: &BoardArguments) -> Result<TcpListener, String> {
    let mut failed = String::new();
    for addr in arguments.addresses() {
        match TcpListener::bind(addr).await {
            Ok(listener) => return Ok(listener),
            Err(e) => failed = format!("cannot listen on {addr}: {e}; choose another with --listen"),
        }
    }
    Err(failed)
}

async fn tick(record: &Record) {
    loop {
        tokio::time::sleep(TICK).await;
        record.change(|_| {});
    }
}

async fn any_of(signals: &mut [Signal]) {
    let mut waiting: Vec<_> = signals.iter_mut().map(|signal| Box::pin(signal.recv())).collect();
    core::future::poll_fn(|context| {
        let come = waiting.iter_mut().any(|signal| signal.as_mut().poll(context).is_ready());
        if come { core::task::Poll::Ready(()) } else { core::task::Poll::Pending }
    })
    .await;
}

/// Opens the page in the user's browser, where there is one.
fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        // The opener may run as long as the browser, so a thread waits for it.
        std::thread::spawn(move || child.wait());
    }
}
