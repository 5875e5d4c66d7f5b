//! The command line.

use core::net::{Ipv4Addr, SocketAddr};
use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, ValueExt as _};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A Jarvis auth server that answers as the real one does, for tests and laptops.

usage: server-stub [--listen ADDRESS:PORT] [--dir DIR] [--plain] [--name NAME]...

  --listen ADDRESS:PORT  where to listen (127.0.0.1:7701); port 0 takes a free one
  --dir DIR              where the certificate authority, keys and a ready config.json
                         for jarvis-node are kept (stub/); made if it is not there
  --plain                plain HTTP instead of TLS
  --name NAME            a further DNS name or IP address the certificate is good for
  --help, --version

On standard output it prints one line of JSON when it listens: url and dir.
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    Help,
    Version,
    Serve { listen: SocketAddr, dir: PathBuf, tls: bool, names: Vec<String> },
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 7701));
    let mut dir = PathBuf::from("stub");
    let mut tls = true;
    let mut names = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("listen") => listen = parser.value()?.parse()?,
            Long("dir") => dir = parser.value()?.into(),
            Long("plain") => tls = false,
            Long("name") => names.push(parser.value()?.string()?),
            Short('h') | Long("help") => return Ok(Arguments::Help),
            Short('V') | Long("version") => return Ok(Arguments::Version),
            Short(_) | Long(_) | lexopt::Arg::Value(_) => return Err(argument.unexpected()),
        }
    }
    Ok(Arguments::Serve { listen, dir, tls, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments, lexopt::Error> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn nothing_said_means_tls_on_loopback() {
        let Ok(Arguments::Serve { listen, dir, tls, names }) = parsed(&[]) else { panic!("refused") };
        assert_eq!(listen.to_string(), "127.0.0.1:7701");
        assert_eq!(dir, PathBuf::from("stub"));
        assert!(tls && names.is_empty());
    }

    #[test]
    fn everything_said_is_heard() {
        let all = ["--listen", "[::]:0", "--dir=d", "--plain", "--name", "a.local", "--name", "10.0.0.1"];
        let Ok(Arguments::Serve { listen, dir, tls, names }) = parsed(&all) else { panic!("refused") };
        assert_eq!(listen.to_string(), "[::]:0");
        assert_eq!(dir, PathBuf::from("d"));
        assert!(!tls);
        assert_eq!(names, ["a.local", "10.0.0.1"]);
    }

    #[test]
    fn help_and_version_win() {
        assert_eq!(parsed(&["--help"]).ok(), Some(Arguments::Help));
        assert_eq!(parsed(&["-V"]).ok(), Some(Arguments::Version));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [&["--listen"][..], &["--listen", "7701"], &["--tls"], &["stub"], &["-x"]] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
