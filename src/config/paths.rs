//! The paths in a configuration: whether they are paths, and whether each leads to a file of its own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use node_core::text::Quoted;

use super::folders::Folders;
use crate::error::Warning;
use crate::files::durable::{beside, folder, is_open_to_all};
use crate::files::secret_file;
use crate::system::accounts::Accounts;
use crate::system::failure::shell_word;
use crate::system::own::is_nodes;

/// The longest ending that still counts as one: `.json`, `.credential`.
const MAX_ENDING: usize = 12;
/// The longest file name that is taken for one by its ending alone. A token of three parts is longer.
const MAX_NAME: usize = 100;

/// What this program does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Reads it and keeps it: several keys may name it.
    Kept,
    /// Reads a secret that is sent to one server.
    Sent,
    /// Replaces it, by way of files with these endings beside it.
    Replaced(&'static [&'static str]),
}

/// The value of a key that names a file.
#[derive(Debug)]
pub(super) struct ConfiguredPath {
    key: &'static str,
    found: PathBuf,
    used: Use,
    configured: Option<PathBuf>,
}

impl ConfiguredPath {
    /// The file that `configured` names, as `config_file` has it.
    pub(super) fn new(key: &'static str, configured: &Path, config_file: &Path, used: Use) -> Self {
        let found = secret_file::locate(configured, config_file);
        Self { key, found, used, configured: Some(configured.into()) }
    }

    /// A file that is used without being configured.
    pub(super) fn implied(key: &'static str, path: &Path, used: Use) -> Self {
        Self { key, found: path.into(), used, configured: None }
    }

    /// The key, and the file.
    pub(super) fn into_found(self) -> (&'static str, PathBuf) {
        (self.key, self.found)
    }

    /// Whether the value looks like a path. If it does not, it may be the secret that the file should hold.
    fn is_plausible(&self, config_file: &Path) -> bool {
        let Some(configured) = &self.configured else { return true };
        let Some(text) = configured.to_str() else { return false };
        if text.is_empty() || text.contains(|c: char| c.is_control() || c == '"') || text.contains("-----") {
            return false;
        }
        let name = configured.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending);
        let has_ending = name.len() <= MAX_NAME
            && ending.is_some_and(|ending| {
                ending.starts_with(|c: char| c.is_ascii_alphabetic())
                    && ending.len() <= MAX_ENDING
                    && ending.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        // Base64 has slashes, too, but not below a folder that is there.
        let (first, rest) = text.trim_start_matches('/').split_once('/').unwrap_or((text, ""));
        let top = if text.starts_with('/') { Path::new("/") } else { folder(config_file) };
        has_ending || (!rest.is_empty() && top.join(first).is_dir()) || self.found.exists()
    }

    /// Every path that is written to or read for this key.
    fn all(&self, folders: &mut Folders) -> Vec<PathBuf> {
        let mut all = vec![folders.resolve(&self.found)];
        if let Use::Replaced(endings) = self.used {
            all.extend(endings.iter().map(|ending| folders.resolve(&beside(&self.found, ending))));
        }
        all
    }

    fn may_share_with(&self, other: &Self) -> bool {
        self.used == Use::Kept && other.used == Use::Kept
    }
}

/// The file that `value` names, if it looks like a path.
pub(crate) fn plausible(value: &str, config_file: &Path) -> Option<PathBuf> {
    let path = ConfiguredPath::new("", Path::new(value), config_file, Use::Kept);
    path.is_plausible(config_file).then_some(path.found)
}

/// What stands in the place of a folder at the start of a path, for shells and systemd only.
const HOME: [&str; 4] = ["~", "$HOME", "${HOME}", "%h"];
const LOADED: [&str; 3] = ["$CREDENTIALS_DIRECTORY", "${CREDENTIALS_DIRECTORY}", "%d"];

impl ConfiguredPath {
    /// Why the value is not the path that was meant, if a shell, systemd or a browser would have to replace its start. The
    /// sentence continues the key. `home` finds the home of a user, or without a name that of whoever is at work here.
    fn unreplaced(&self, home: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let text = self.configured.as_deref()?.to_str()?;
        if text.trim() != text && !text.trim().is_empty() {
            return Some("has white space before or after the path: leave that out".into());
        }
        let (first, rest) = text.split_once('/').unwrap_or((text, ""));
        let is_url = first.ends_with(':') && rest.starts_with('/');
        let meant = if HOME.contains(&first) {
            home("")
        } else if let Some(user) = first.strip_prefix('~') {
            home(user)
        } else if LOADED.contains(&first) {
            return Some(format!(
                "begins with {first}, which nobody replaces here: write the file's name alone, which is looked for in \
                 the folder of LoadCredential="
            ));
        } else if is_url {
            (first == "file:").then(String::new)
        } else if first.starts_with('$') && !rest.is_empty() {
            None
        } else {
            return None;
        };
        let what = match first {
            _ if is_url => "is a URL, where a path belongs",
            _ if first.starts_with('~') => "begins with ~, which only a shell replaces",
            "%h" => "begins with %h, which only systemd replaces",
            _ => "begins with a variable, which only a shell replaces",
        };
        let whole = meant.map(|home| format!("{home}/{}", rest.trim_start_matches('/')));
        let whole = whole.filter(|whole| !rest.is_empty() && Quoted(whole).is_name());
        Some(match whole {
            Some(whole) => format!("{what}: write the whole path, {whole}"),
            None => format!("{what}: write the whole path, from / on"),
        })
    }
}

/// The home of the user called `name`, or without a name that of the person at work: who called sudo, who runs this
/// program, or, for a daemon, the first person of this board.
fn home(name: &str) -> Option<String> {
    let accounts = Accounts::read();
    if !name.is_empty() {
        return accounts.home_of(name).map(ToOwned::to_owned);
    }
    let user = rustix::process::geteuid();
    let person = std::env::var("SUDO_USER").ok().filter(|name| accounts.user(name).is_some());
    let own = || accounts.name_of(user.as_raw()).filter(|_| user.is_root() || user.as_raw() >= 1000);
    let name = person.as_deref().or_else(own).or_else(|| accounts.first_person())?;
    accounts.home_of(name).map(ToOwned::to_owned)
}

/// Checks that each value looks like a path, and that what is replaced or sent is nothing else's file: none of the others,
/// and none of `besides`.
///
/// # Errors
/// A sentence that names the keys. It does not quote a value that does not look like a path.
pub(super) fn check(
    paths: &[ConfiguredPath],
    besides: &[ConfiguredPath],
    config_file: &Path,
) -> Result<(), String> {
    let unreplaced = |path: &ConfiguredPath| {
        let why = path.unreplaced(&home).filter(|_| !path.found.exists())?;
        Some(format!("{} {why}", path.key))
    };
    if let Some(why) = paths.iter().find_map(unreplaced) {
        return Err(why);
    }
    if let Some(ConfiguredPath { key, .. }) = paths.iter().find(|path| !path.is_plausible(config_file)) {
        return Err(format!(
            "{key} takes the path of a file, and its value does not look like one; it is not repeated, in case it is the \
             secret itself"
        ));
    }
    if paths.is_empty() {
        return Ok(());
    }
    let mut folders = Folders::default();
    let all: Vec<_> = paths.iter().chain(besides).map(|path| Found::of(path, &mut folders)).collect();
    for (at, one) in all.iter().enumerate().take(paths.len()) {
        if let Some(clash) = all[at + 1..].iter().find_map(|other| one.clash(other)) {
            return Err(clash);
        }
    }
    Ok(())
}

/// Whether the `file` of `key`, which is to be replaced, is that of one of the other `paths` as well.
pub(super) fn is_used(file: &Path, key: &'static str, paths: &[ConfiguredPath]) -> bool {
    let own = ConfiguredPath::implied(key, file, Use::Replaced(&[".new"]));
    let mut folders = Folders::default();
    let own = Found::of(&own, &mut folders);
    let mut others = paths.iter().filter(|path| path.key != key);
    others.any(|other| own.clash(&Found::of(other, &mut folders)).is_some())
}

/// A value with what is found on the disk.
struct Found<'a> {
    path: &'a ConfiguredPath,
    /// Every path that is written to or read, without links. Not as paths, which compare component by component.
    files: Vec<OsString>,
    /// The device and number of the file, if it is there.
    identity: Option<(u64, u64)>,
}

impl<'a> Found<'a> {
    fn of(path: &'a ConfiguredPath, folders: &mut Folders) -> Self {
        let identity = fs::metadata(&path.found).map(|file| (file.dev(), file.ino())).ok();
        let files = path.all(folders).into_iter().map(PathBuf::into_os_string).collect();
        Self { path, files, identity }
    }

    /// How one of two values spoils the file of the other, as a sentence.
    fn clash(&self, other: &Self) -> Option<String> {
        if self.path.may_share_with(other.path) {
            return None;
        }
        let (key, other_key) = (self.path.key, other.path.key);
        if let Some(file) = self.files.iter().find(|file| other.files.contains(file)) {
            let file = Path::new(file).display();
            return Some(format!("{key} and {other_key} would both use {file}: give each a file of its own"));
        }
        // As hard links, or on a file system that ignores case.
        let names_one = self.identity.is_some() && self.identity == other.identity;
        let file = self.path.found.display();
        names_one.then(|| {
            format!("{key} and {other_key} are two names of one file, {file}: give each a file of its own")
        })
    }
}

/// A warning for each of these keys whose file every user may replace. (Where the file has a secret, that is an error:
/// see [`secret_file::read`].)
pub(super) fn open_folders(files: &[(&str, &Path)]) -> Vec<Warning> {
    let open = files.iter().filter(|(_, file)| is_open_to_all(folder(file)));
    let warning = |(key, file): &(&str, &Path)| {
        let message =
            format!("every user may replace the {key} {}: its folder is open to all", file.display());
        open_place(key, folder(file), message)
    };
    open.map(warning).collect()
}

/// A warning for each of these keys whose file every user may write to.
pub(super) fn open_files(files: &[(&str, &Path)]) -> Vec<Warning> {
    let open = files.iter().filter(|(_, file)| is_open_to_all(file));
    open.map(|(key, file)| {
        open_place(key, file, format!("every user may write to the {key} {}", file.display()))
    })
    .collect()
}

fn open_place(key: &str, place: &Path, message: String) -> Warning {
    let fix = if is_nodes(place) {
        format!("sudo chmod o-w {}", shell_word(place))
    } else {
        format!("Others may need {} as it is: use a file in another folder as {key}.", place.display())
    };
    Warning::new("folder", message, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_told_from_a_secret() {
        let config = Path::new("/etc/config.json");
        for path in ["app.key", "/nowhere/ca.pem", "/etc/x", "./app-key", "../etc/key", "passwd", "/dev/null"]
        {
            assert!(plausible(path, config).is_some(), "{path}");
        }
        for secret in [
            "",
            "s3cret",
            "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx",
            "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
            "/pe/Unols=",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.AAAAAAAAAAAAAAAA",
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----",
            "{\"node_id\":\"kitchen-pi\",\"node_key\":\"k\"}.json",
        ] {
            assert!(plausible(secret, config).is_none(), "{secret}");
        }
    }

    #[test]
    fn start_that_only_a_shell_replaces_is_named_with_the_path() {
        let config = Path::new("/etc/config.json");
        let home = |user: &str| match user {
            "" => Some("/home/ada".into()),
            "pi" => Some("/home/pi".into()),
            _ => None,
        };
        for (configured, says) in [
            (
                "~/app.key",
                Some("begins with ~, which only a shell replaces: write the whole path, /home/ada/app.key"),
            ),
            ("~pi/.config/app.key", Some("write the whole path, /home/pi/.config/app.key")),
            ("~ghost/app.key", Some("write the whole path, from / on")),
            (
                "$HOME/x/app.key",
                Some("a variable, which only a shell replaces: write the whole path, /home/ada/x/app.key"),
            ),
            ("${HOME}//app.key", Some("/home/ada/app.key")),
            ("%h/app.key", Some("only systemd replaces: write the whole path, /home/ada/app.key")),
            (
                "$KEYS/app.key",
                Some("a variable, which only a shell replaces: write the whole path, from / on"),
            ),
            ("${CREDENTIALS_DIRECTORY}/app.key", Some("write the file's name alone")),
            ("%d/app.key", Some("write the file's name alone")),
            (
                "file:///etc/app.key",
                Some("is a URL, where a path belongs: write the whole path, /etc/app.key"),
            ),
            (
                "https://keys.home/app.key",
                Some("is a URL, where a path belongs: write the whole path, from / on"),
            ),
            ("/etc/app.key ", Some("white space before or after")),
            ("\u{a0}app.key", Some("white space before or after")),
            ("~", Some("from / on")),
            ("~/q3n8Yk1bTtWm5xV7cR0", Some("from / on")),
            ("$ecret", None),
            ("/etc/~/app.key", None),
            ("app.key", None),
        ] {
            let path = ConfiguredPath::new("app_key_file", Path::new(configured), config, Use::Sent);
            let told = path.unreplaced(&home);
            assert_eq!(told.is_some(), says.is_some(), "{configured}: {told:?}");
            assert!(
                told.clone().unwrap_or_default().contains(says.unwrap_or_default()),
                "{configured}: {told:?}"
            );
        }
    }

    #[test]
    fn two_keys_may_share_only_what_is_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = dir.path().join("config.json");
        let file = |name: &str| dir.path().join(name);
        fs::write(file("a.key"), "x").expect("written");
        fs::hard_link(file("a.key"), file("hard.key")).expect("linked");
        std::os::unix::fs::symlink(file("a.key"), file("soft.key")).expect("linked");
        const OURS: Use = Use::Replaced(&[".new"]);
        for (one, of, other, to, shared) in [
            ("a.key", Use::Sent, "b.key", OURS, None),
            ("a.key", Use::Sent, "./a.key", OURS, Some("would both use")),
            ("a.key", Use::Sent, "soft.key", Use::Sent, Some("would both use")),
            ("a.key", Use::Sent, "hard.key", Use::Kept, Some("two names of one file")),
            ("a.key", Use::Kept, "soft.key", Use::Kept, None),
            ("s.json", OURS, "s.json.new", Use::Kept, Some("s.json.new")),
            ("./none/../s.json", OURS, "s.json", OURS, None),
        ] {
            let paths = [
                ConfiguredPath::new("one", Path::new(one), &config, of),
                ConfiguredPath::new("two", Path::new(other), &config, to),
            ];
            let found = check(&paths, &[], &config).err();
            assert_eq!(found.is_some(), shared.is_some(), "{one} {other}: {found:?}");
            assert!(found.unwrap_or_default().contains(shared.unwrap_or_default()), "{one} {other}");
        }
    }
}
