//! `jarvis-node`: see `--help`.

use std::io::Write;
use std::process::ExitCode;

use jarvis_node::cli;

/// Our own bugs, by sysexits(3).
const DEFECT: i32 = 70;

fn main() -> ExitCode {
    // Without what the panic says: it may quote what was being worked on.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ =
            writeln!(std::io::stderr(), "jarvis-node: a defect of this program at {place}; please report it");
        std::process::exit(DEFECT);
    }));
    match cli::main() {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "jarvis-node: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
