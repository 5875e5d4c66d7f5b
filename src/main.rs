//! `jarvis-node`: see `--help`.

use std::io::Write;
use std::process::ExitCode;

use jarvis_node::host::cli;

fn main() -> ExitCode {
    match cli::main() {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "jarvis-node: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
