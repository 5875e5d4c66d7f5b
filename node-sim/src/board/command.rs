//! `node-sim board`: what is asked for.

use core::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use lexopt::prelude::*;

/// The port that is taken when none is asked for.
const PORT: u16 = 7799;

/// What `node-sim board` is asked to do.
#[derive(Debug)]
pub struct Request {
    /// Where to listen. None: wherever there is room.
    pub(super) listen: Option<SocketAddr>,
    /// Whether to show the page.
    pub(super) open: bool,
    /// Whom to ask instead of the stub.
    pub(super) server: Option<String>,
    /// The node that asks it.
    pub(super) config: Option<PathBuf>,
    /// How long a good verdict outlives the stub, in seconds.
    pub(super) grace: u64,
    /// Where the levels of the pin go, too.
    pub(super) pin_log: Option<PathBuf>,
}

impl Request {
    /// Reads what follows `board` on the command line.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn parse(arguments: &mut lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut request =
            Self { listen: None, open: true, server: None, config: None, grace: 120, pin_log: None };
        let mut grace = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => request.listen = Some(loopback(arguments.value()?.parse()?)?),
                Long("no-open") => request.open = false,
                Long("server") => request.server = Some(arguments.value()?.string()?),
                Long("config") => request.config = Some(arguments.value()?.into()),
                Long("grace") => grace = Some(arguments.value()?.parse()?),
                Long("pin-log") => request.pin_log = Some(arguments.value()?.into()),
                Long(_) | Short(_) | Value(_) => return Err(argument.unexpected()),
            }
        }
        match (&request.server, &request.config, grace) {
            (Some(_), None, _) => {
                Err("--server needs --config with the node's credential and app key".into())
            }
            (_, Some(_), Some(_)) => Err("--grace is for the stub's node; yours has its own".into()),
            (_, _, grace) => Ok(Self { grace: grace.unwrap_or(request.grace), ..request }),
        }
    }

    /// Where to try to listen, in this order.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.listen.map_or_else(|| vec![here(PORT), here(0)], |addr| vec![addr])
    }
}

fn loopback(addr: SocketAddr) -> Result<SocketAddr, lexopt::Error> {
    if addr.ip().is_loopback() {
        return Ok(addr);
    }
    let why = format!(
        "the board listens on this machine only, and {addr} is not an address of it; say 127.0.0.1:PORT or \
         [::1]:PORT (from elsewhere: ssh -L)"
    );
    Err(why.into())
}
