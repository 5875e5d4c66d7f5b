//! `server-stub`: arguments → settings → stub → one line of JSON → a signal → exit code.

use core::fmt::Display;
use std::env;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use server_stub::{Fault, Options, Settings, StartError, Stub};
use tokio::signal::unix::{Signal, SignalKind, signal};

use arguments::{Arguments, HELP};

mod arguments;

/// Exit codes, after sysexits.h.
const USAGE: u8 = 64;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    match arguments::parse(env::args_os().skip(1)) {
        Err(error) => fail(USAGE, format_args!("{error}; see server-stub --help")),
        Ok(Arguments::Help) => say(HELP),
        Ok(Arguments::Version) => say(concat!("server-stub ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Arguments::ListFaults) => say(&Fault::all()
            .map(|fault| format!("{fault:20} {}\n", fault.description()))
            .collect::<String>()),
        Ok(Arguments::Serve(options)) => match Settings::from_variables(|name| env::var_os(name)) {
            Err(error) => fail(CONFIG, error),
            Ok(settings) => serve(Options { settings, ..options }),
        },
    }
}

fn serve(options: Options) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(SOFTWARE, error),
    };
    runtime.block_on(async {
        // Before anybody can know that we run, and so send one.
        let (mut term, mut int) = match signals() {
            Ok(signals) => signals,
            Err(error) => return fail(SOFTWARE, error),
        };
        let dir = options.dir.clone().unwrap_or_default();
        let stub = match Stub::start(options) {
            Ok(stub) => stub,
            Err(error) => return fail(exit_code(&error), error),
        };
        if let Err(error) = announce(&stub, &dir) {
            return fail(SOFTWARE, format_args!("cannot say where the server listens: {error}"));
        }
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        ExitCode::SUCCESS
    })
}

fn signals() -> io::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
}

fn exit_code(error: &StartError) -> u8 {
    match error {
        StartError::Name(_) | StartError::Fault(_) => USAGE,
        StartError::Listen(..) => UNAVAILABLE,
        StartError::Directory(_) => CONFIG,
        StartError::Certificate(_) => SOFTWARE,
    }
}

/// One line of JSON for programs, and what to type next for people.
fn announce(stub: &Stub, dir: &Path) -> io::Result<()> {
    let mut line = serde_json::json!({ "url": stub.url(), "dir": dir });
    if let Some(control) = stub.control_url() {
        line["control"] = control.into();
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;

    let (url, dir) = (stub.url(), dir.display());
    let (node_id, _) = stub.node();
    let trust = if stub.ca_pem().is_some() { format!("--cacert {dir}/ca.pem ") } else { String::new() };
    let mut err = io::stderr().lock();
    writeln!(err, "listening on {}; next, in another terminal:", stub.addr())?;
    writeln!(err, "  jarvis-node check --config {dir}/config.json")?;
    writeln!(err, "to take the node's key away from it:")?;
    writeln!(
        err,
        "  curl {trust}-X POST -H \"X-Jarvis-Admin-Token: $(cat {dir}/admin.token)\" \
         {url}/admin/nodes/{node_id}/rotate-key"
    )?;
    writeln!(err, "to have a token that another node can enrol with:")?;
    writeln!(
        err,
        "  curl {trust}-X POST -H \"X-Jarvis-Admin-Token: $(cat {dir}/admin.token)\" \
         {url}/api/v0/provisioning-tokens"
    )?;
    if let Some(control) = stub.control_url() {
        writeln!(err, "its faults are: {}; to have others:", stub.faults())?;
        writeln!(
            err,
            "  curl -X PUT -H \"X-Jarvis-Admin-Token: $(cat {dir}/admin.token)\" -d '[\"status-503\"]' {control}"
        )?;
    }
    if !stub.addr().ip().is_loopback() {
        writeln!(err, "note: other machines can reach this server; it is made for tests, not for use")?;
        if stub.ca_pem().is_none() {
            writeln!(err, "note: without TLS, node keys and tokens can be read by anyone on the way")?;
        }
    }
    Ok(())
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(SOFTWARE),
    }
}

fn fail(code: u8, why: impl Display) -> ExitCode {
    // If nobody reads standard error, the exit code still tells.
    let _ = writeln!(io::stderr(), "server-stub: {why}");
    ExitCode::from(code)
}
