//! Boards to look at.

use std::process::Command;

use test_support::board::Board;

/// A board whose node keeps a good verdict for two minutes.
pub(crate) fn start() -> Board {
    with(&[])
}

/// A board whose node shows at once what stands in its way: no verdict outlives the server.
pub(crate) fn graceless() -> Board {
    with(&["--grace", "0"])
}

/// A board that listens wherever there is room.
pub(crate) fn with(arguments: &[&str]) -> Board {
    listening("127.0.0.1:0", arguments)
}

/// A board that listens at this address.
pub(crate) fn listening(at: &str, arguments: &[&str]) -> Board {
    let mut node_sim = Command::new(env!("CARGO_BIN_EXE_node-sim"));
    Board::start(&mut node_sim, &[&["--listen", at], arguments].concat())
}
