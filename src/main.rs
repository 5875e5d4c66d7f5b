//! `jarvis-node`: see `--help`.

use std::io::Write;
use std::process::ExitCode;

use jarvis_node::cli;
use node_core::text::Shown;

/// The exit code for a bug of this program, by sysexits(3).
const DEFECT: i32 = 70;

fn main() -> ExitCode {
    // Without the panic's message, which may quote a secret.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ =
            writeln!(std::io::stderr(), "jarvis-node: a defect of this program at {place}; please report it");
        std::process::exit(DEFECT);
    }));
    match cli::main() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // With standard error closed nobody can read the sentence anyway.
            let _ = writeln!(std::io::stderr(), "jarvis-node: {}", Shown(&error.to_string()));
            ExitCode::from(error.exit_code())
        }
    }
}
