//! The arguments of `node-sim board`.

use core::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// The port that is taken when none is asked for.
const PORT: u16 = 7799;

/// What `node-sim board` is asked to do.
#[derive(Args, Debug)]
pub struct BoardArguments {
    /// Where to listen: an address of this machine [default: 127.0.0.1:7799, or another port if that is taken]
    #[arg(long, value_name = "ADDR", value_parser = loopback)]
    pub(super) listen: Option<SocketAddr>,
    /// Do not open the page in a browser
    #[arg(long)]
    pub(super) no_open: bool,
    /// A real server to ask, in place of the configuration's auth_url
    #[arg(long, value_name = "URL", requires = "config")]
    pub(super) server: Option<String>,
    /// A jarvis-node configuration, for a node that asks a real server
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// How long a verdict stays good without the stub server, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 120, conflicts_with = "config")]
    pub(super) grace: u64,
    /// A file to which every level of the pin is written, too
    #[arg(long, value_name = "FILE")]
    pub(super) pin_log: Option<PathBuf>,
}

impl BoardArguments {
    /// The addresses to try, in this order.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.listen.map_or_else(|| vec![here(PORT), here(0)], |addr| vec![addr])
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let addr: SocketAddr =
        text.parse().map_err(|_| "write an address and a port, as in 127.0.0.1:7799".to_owned())?;
    if addr.ip().is_loopback() {
        return Ok(addr);
    }
    Err(format!(
        "the board listens on this machine only, and {addr} is not an address of it; say 127.0.0.1:PORT or \
         [::1]:PORT (from elsewhere: ssh -L)"
    ))
}
