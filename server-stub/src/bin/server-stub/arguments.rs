//! The command line.

use core::net::{Ipv4Addr, SocketAddr};
use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, ValueExt as _};
use server_stub::{Fault, Faults, Options};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A Jarvis auth server that answers as the real one does, for tests and laptops.

usage: server-stub [--listen ADDRESS:PORT] [--dir DIR] [--plain] [--name NAME]...
                   [--fault NAME,NAME...] [--control ADDRESS:PORT] [--redirect-to URL]

  --listen ADDRESS:PORT  where to listen (127.0.0.1:7701); port 0 takes a free one
  --dir DIR              where the certificate authority, keys and a ready config.json
                         for jarvis-node are kept (stub/); made if it is not there
  --plain                plain HTTP instead of TLS
  --name NAME            a further DNS name or IP address the certificate is good for
  --fault NAME,NAME...   what is wrong with the server from the start; may be repeated
  --list-faults          the names, and what they do
  --control ADDRESS:PORT where to listen, in plain HTTP, for changes of the faults
                         (127.0.0.1:0 where --fault is given, else nowhere)
  --redirect-to URL      where redirects to another host point (https://elsewhere.invalid)
  --help, --version

On standard output it prints one line of JSON when it listens: url, dir, and control
where there is one. GET, PUT and DELETE there show, replace and clear the faults, a JSON
list of names, with the header X-Jarvis-Admin-Token and from this machine only; so they
do at /__stub/faults of the server itself, as far as it can be reached.
SIGTERM or Ctrl-C stops it.

environment, as of the real service:
  AUTH_SECRET_KEY              signs access tokens (random)
  AUTH_ALGORITHM               HS256, HS384 or HS512 (HS256)
  ACCESS_TOKEN_EXPIRE_MINUTES  life of an access token (30)
  REFRESH_TOKEN_EXPIRE_DAYS    life of a refresh token (14)
  JARVIS_AUTH_ADMIN_TOKEN      opens /admin/* (the one in DIR/admin.token, or random)

exit codes: 0 stopped by a signal, 64 usage, 69 address not available, 70 our own fault,
78 unusable folder or environment
";

/// What the command line asks for.
pub(crate) enum Arguments {
    Help,
    Version,
    ListFaults,
    /// The settings are the default ones, since they come from the environment.
    Serve(Options),
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7701)),
        dir: Some(PathBuf::from("stub")),
        ..Options::default()
    };
    let mut faults: Vec<Fault> = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("listen") => options.listen = parser.value()?.parse()?,
            Long("dir") => options.dir = Some(parser.value()?.into()),
            Long("plain") => options.tls = false,
            Long("name") => options.names.push(parser.value()?.string()?),
            Long("fault") => faults.extend(parser.value()?.parse::<Faults>()?.iter()),
            Long("list-faults") => return Ok(Arguments::ListFaults),
            Long("control") => options.control = Some(parser.value()?.parse()?),
            Long("redirect-to") => options.redirect_to = parser.value()?.string()?,
            Short('h') | Long("help") => return Ok(Arguments::Help),
            Short('V') | Long("version") => return Ok(Arguments::Version),
            Short(_) | Long(_) | lexopt::Arg::Value(_) => return Err(argument.unexpected()),
        }
    }
    options.faults = Faults::of(&faults).map_err(|error| error.to_string())?;
    if options.faults != Faults::NONE && options.control.is_none() {
        options.control = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    }
    Ok(Arguments::Serve(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments, lexopt::Error> {
        parse(arguments.iter().map(OsString::from))
    }

    #[track_caller]
    fn served(arguments: &[&str]) -> Options {
        match parsed(arguments) {
            Ok(Arguments::Serve(options)) => options,
            Ok(_) => panic!("not to serve"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn nothing_said_means_tls_on_loopback() {
        let options = served(&[]);
        assert_eq!(options.listen.to_string(), "127.0.0.1:7701");
        assert_eq!(options.dir, Some(PathBuf::from("stub")));
        assert!(options.tls && options.names.is_empty());
        assert!(options.faults == Faults::NONE && options.control.is_none());
    }

    #[test]
    fn everything_said_is_heard() {
        let all = [
            "--listen",
            "[::]:0",
            "--dir=d",
            "--plain",
            "--name",
            "a.local",
            "--name",
            "10.0.0.1",
            "--redirect-to",
            "http://10.0.0.2",
        ];
        let options = served(&all);
        assert_eq!(options.listen.to_string(), "[::]:0");
        assert_eq!(options.dir, Some(PathBuf::from("d")));
        assert!(!options.tls);
        assert_eq!(options.names, ["a.local", "10.0.0.1"]);
        assert_eq!(options.redirect_to, "http://10.0.0.2");
    }

    #[test]
    fn faults_add_up_and_come_with_a_way_to_change_them() {
        let options = served(&["--fault", "status-503", "--fault", "retry-after-60,body-slow"]);
        assert_eq!(options.faults.to_string(), "status-503,retry-after-60,body-slow");
        assert_eq!(options.control.map(|addr| addr.to_string()).as_deref(), Some("127.0.0.1:0"));
        let options = served(&["--control", "127.0.0.1:7"]);
        assert_eq!(options.control.map(|addr| addr.to_string()).as_deref(), Some("127.0.0.1:7"));
        let told = |arguments| parsed(arguments).err().expect("refused").to_string();
        assert!(told(&["--fault", "status-600"]).contains("there is no fault 'status-600'"));
        assert!(told(&["--fault", "stall", "--fault", "late"]).contains("contradict each other"));
    }

    #[test]
    fn help_and_version_win() {
        assert!(matches!(parsed(&["--help"]), Ok(Arguments::Help)));
        assert!(matches!(parsed(&["-V"]), Ok(Arguments::Version)));
        assert!(matches!(parsed(&["--list-faults"]), Ok(Arguments::ListFaults)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [&["--listen"][..], &["--listen", "7701"], &["--tls"], &["stub"], &["-x"]] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
