//! Boards to ask.

use test_support::board::Board;

use crate::node_sim;

/// A board whose node shows at once what stands in its way: no verdict outlives the server.
pub(super) fn start() -> Board {
    with(&["--grace", "0"])
}

/// A board that listens wherever there is room.
pub(super) fn with(arguments: &[&str]) -> Board {
    run(&[&["--listen", "127.0.0.1:0"], arguments].concat())
}

/// A board with these arguments and no others.
pub(super) fn run(arguments: &[&str]) -> Board {
    Board::start(&mut node_sim(&[]), arguments)
}
