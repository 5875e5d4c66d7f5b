//! The daemon's unit as systemd has loaded it, drop-ins included: what it starts, with which variables, and which files it
//! passes on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::programs::systemctl;
use crate::config::DEFAULT_PATH;
use crate::error::Warning;
use crate::system::bounded;
use crate::system::environment::Variables;

pub(in crate::commands) const UNIT: &str = "jarvis-node-agent.service";
/// What is asked for (systemd.exec(5), systemd.service(5)).
const PROPERTIES: &str = "LoadState,NeedDaemonReload,ExecStart,WorkingDirectory,Environment,EnvironmentFiles,\
    UnsetEnvironment,User,Group,SupplementaryGroups,DynamicUser,RootDirectory,RootImage,ProtectHome,PrivateTmp,\
    ProtectSystem,ProtectKernelTunables,PrivateDevices,ReadWritePaths,ReadOnlyPaths,InaccessiblePaths,\
    TemporaryFileSystem,BindPaths,BindReadOnlyPaths,PrivateNetwork,PrivateUsers,IPAddressDeny,\
    RestrictAddressFamilies,StateDirectory,RuntimeDirectory,CacheDirectory,LogsDirectory,CapabilityBoundingSet,\
    ActiveState,SubState,Result,ExecMainStatus,UnitFileState,MainPID";

/// What `systemctl show` prints of the unit. Its variables may be secrets.
pub(in crate::commands) struct Unit {
    shown: Zeroizing<String>,
}

/// A file that systemd passes on to the daemon (`LoadCredential=`).
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct PassedOn {
    /// What the daemon knows it as.
    pub(in crate::commands) name: String,
    /// Where it is, if the unit says so.
    pub(in crate::commands) source: Option<PathBuf>,
}

impl Unit {
    /// The unit that systemd knows; `None` where there is none, or no systemd.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub(in crate::commands) fn load() -> io::Result<Option<Self>> {
        let shown = systemctl(&["show", "--no-pager", &format!("--property={PROPERTIES}"), UNIT])?;
        Ok(Self::of(&shown))
    }

    /// The unit with these properties.
    pub(super) fn of(shown: &str) -> Option<Self> {
        let unit = Self { shown: Zeroizing::new(shown.to_owned()) };
        (!matches!(unit.value("LoadState"), "" | "not-found")).then_some(unit)
    }

    /// The value of a property; empty if it has none.
    pub(in crate::commands) fn value(&self, key: &str) -> &str {
        self.values(key).next().unwrap_or_default()
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.shown.lines().filter_map(move |line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim()))
    }

    /// The words of a property that is a list.
    pub(super) fn words(&self, key: &str) -> Vec<String> {
        words(self.value(key))
    }

    /// What keeps systemd from starting the daemon, or from starting it as its files say.
    pub(in crate::commands) fn warnings(&self) -> Vec<Warning> {
        let fallen = self.downfall().map(|(message, fix)| Warning::new("unit", message, fix));
        let mut warnings: Vec<_> =
            self.unstartable().into_iter().chain(self.changed()).chain(fallen).collect();
        warnings.extend(self.unusable_files());
        warnings.extend(self.cut_off());
        warnings
    }

    /// Why systemd cannot start the unit as it has loaded it.
    pub(in crate::commands) fn unstartable(&self) -> Option<Warning> {
        let state = self.value("LoadState");
        (state != "loaded").then(|| {
            let fix = match state {
                "masked" => format!("sudo systemctl unmask {UNIT}"),
                _ => format!("`systemctl status {UNIT}` says why; then sudo systemctl daemon-reload"),
            };
            Warning::new("unit", format!("systemd cannot start {UNIT}, which is \"{state}\""), fix)
        })
    }

    /// That systemd does not know the unit's files as they are by now.
    pub(in crate::commands) fn changed(&self) -> Option<Warning> {
        (self.value("NeedDaemonReload") == "yes").then(|| {
            let message = format!("the files of {UNIT} have changed since systemd read them");
            let fix = format!("sudo systemctl daemon-reload && sudo systemctl restart {UNIT}");
            Warning::new("unit", message, fix)
        })
    }

    /// The files without which systemd does not start the daemon, and that are not there.
    pub(in crate::commands) fn unusable_files(&self) -> Vec<Warning> {
        let unusable = |(setting, path): (&str, PathBuf)| {
            let why = unusable(setting, &path)?;
            let path = path.display();
            let message = format!("systemd cannot start {UNIT} with {setting}{path}: {why}");
            let fix = format!("Make {path}, or correct {setting}: sudo systemctl edit {UNIT}");
            Some(Warning::new("unit", message, fix))
        };
        self.needed_files().into_iter().filter_map(unusable).collect()
    }

    /// A sentence without its full stop about a daemon that does not stay up, and what helps; `None` if it does, or was
    /// stopped by a person.
    pub(in crate::commands) fn downfall(&self) -> Option<(String, String)> {
        let what = match (self.value("ActiveState"), self.value("SubState")) {
            ("failed", _) => "has given up starting",
            ("activating", state) if state.starts_with("auto-restart") => "starts again and again",
            _ => return None,
        };
        let status = match self.value("ExecMainStatus") {
            "" | "0" => String::new(),
            status => format!(", exit status {status}"),
        };
        let message = format!(
            "the daemon does not stay up, and systemd {what} {UNIT}: {}{status}",
            self.value("Result")
        );
        let fix = format!(
            "`sudo journalctl -n 20 -u {UNIT}` says why. If settings of the unit were changed, `systemctl cat {UNIT}` shows \
             them."
        );
        Some((message, fix))
    }

    /// Whether the daemon runs as root, but without root's right to read the files of others.
    pub(super) fn makes_root_powerless(&self) -> bool {
        let mut bounds = self.values("CapabilityBoundingSet");
        let is_root = matches!(self.value("User"), "" | "root" | "0");
        is_root && bounds.next().is_some_and(|bounds| !bounds.contains("cap_dac_override"))
    }

    /// The program that it starts.
    pub(in crate::commands) fn program(&self) -> Option<PathBuf> {
        let (_, rest) = self.value("ExecStart").split_once("path=")?;
        rest.split_once(" ; ").map(|(path, _)| path.into())
    }

    /// The files without which systemd does not start the daemon, each with its setting.
    fn needed_files(&self) -> Vec<(&'static str, PathBuf)> {
        let mut files: Vec<_> = self.program().map(|path| ("ExecStart=", path)).into_iter().collect();
        // Paths with a mark before them may be missing, or are looked for elsewhere.
        let folder = self.value("WorkingDirectory");
        if folder.starts_with('/') {
            files.push(("WorkingDirectory=", folder.into()));
        }
        files.extend(
            self.environment_files()
                .filter(|(_, needed)| *needed)
                .map(|(path, _)| ("EnvironmentFile=", path)),
        );
        for (key, setting) in [
            ("ReadWritePaths", "ReadWritePaths="),
            ("ReadOnlyPaths", "ReadOnlyPaths="),
            ("InaccessiblePaths", "InaccessiblePaths="),
            ("BindPaths", "BindPaths="),
            ("BindReadOnlyPaths", "BindReadOnlyPaths="),
        ] {
            let paths = self.words(key).into_iter().filter(|path| path.starts_with('/'));
            files.extend(paths.map(|path| (setting, path.split(':').next().unwrap_or_default().into())));
        }
        files
    }

    /// What the unit keeps from the daemon besides files.
    pub(in crate::commands) fn cut_off(&self) -> Vec<Warning> {
        let is_on = |key: &str| !matches!(self.value(key), "" | "no");
        let families = self.value("RestrictAddressFamilies");
        let no_internet = !families.is_empty() && !families.starts_with('~') && !families.contains("AF_INET");
        let no_network = "the unit keeps the daemon from the network, which this check was not";
        let found = [
            (is_on("PrivateNetwork"), "PrivateNetwork=", no_network),
            (no_internet, "RestrictAddressFamilies=", no_network),
            (
                !self.value("IPAddressDeny").is_empty(),
                "IPAddressDeny=",
                "the unit may keep the daemon from servers that this check has reached",
            ),
            (
                is_on("PrivateUsers"),
                "PrivateUsers=",
                "the daemon does not see that files belong to root, and refuses the secrets among them",
            ),
            (
                self.makes_root_powerless(),
                "User=",
                "the unit runs the daemon as root, but without root's right to read the files of others",
            ),
        ];
        let forbidden = found.into_iter().filter(|(holds, ..)| *holds).map(|(_, setting, effect)| {
            let fix =
                format!("Take {setting} out of the unit, if that is not meant: sudo systemctl edit {UNIT}");
            Warning::new("unit", format!("{effect} ({setting})"), fix)
        });
        forbidden.collect()
    }

    /// The configuration that the daemon is started with; `None` if what is started is not to be recognised.
    pub(in crate::commands) fn config_file(&self, variables: &Variables) -> Option<PathBuf> {
        let (_, start) = self.value("ExecStart").split_once("argv[]=")?;
        // systemctl joins the arguments by spaces and quotes none.
        let (line, _) = start.split_once(" ; ")?;
        let set = |name: &str| variables.get(name).map(|value| value.to_string());
        let option = line.split_once(" --config").map(|(_, rest)| rest.trim_start_matches(['=', ' ']));
        let option = option.map(|rest| rest.strip_suffix(" run").unwrap_or(rest));
        let named = match option.map(|path| path.strip_prefix('$').ok_or(path)) {
            Some(Ok(name)) => set(name.trim_matches(['{', '}']))?,
            Some(Err(path)) => path.into(),
            None => set("JARVIS_NODE_CONFIG")
                .filter(|path| !path.is_empty())
                .unwrap_or_else(|| DEFAULT_PATH.into()),
        };
        let folder = self.value("WorkingDirectory").trim_start_matches(['-', '!']);
        Some(Path::new("/").join(folder).join(named))
    }

    /// The variables that the daemon is started with, as far as the unit sets them.
    pub(in crate::commands) fn variables(&self) -> Variables {
        let mut variables = Variables::new();
        let mut set = |line: &str| {
            if let Some((name, value)) = line.split_once('=') {
                variables.insert(name.trim().to_owned(), Zeroizing::new(value.to_owned()));
            }
        };
        self.words("Environment").into_iter().map(Zeroizing::new).for_each(|word| set(&word));
        for (path, _) in self.environment_files() {
            // One that cannot be read keeps the daemon from starting, or counts as empty.
            let file = bounded::read(&path, bounded::MAX_TEXT).map(Zeroizing::new).unwrap_or_default();
            assignments(&String::from_utf8_lossy(&file)).iter().for_each(|line| set(line));
        }
        for word in self.words("UnsetEnvironment") {
            variables.retain(|name, value| *name != word && format!("{name}={}", **value) != word);
        }
        variables
    }

    /// The files with variables, and whether the daemon cannot start without them.
    pub(in crate::commands) fn environment_files(&self) -> impl Iterator<Item = (PathBuf, bool)> {
        self.values("EnvironmentFiles").filter(|line| !line.is_empty()).map(|line| {
            let (path, rest) = line.rsplit_once(" (ignore_errors=").unwrap_or((line, ""));
            (PathBuf::from(path), !rest.starts_with("yes"))
        })
    }
}

/// What is wrong with the file that a setting names, as far as it shows.
fn unusable(setting: &str, path: &Path) -> Option<&'static str> {
    match path.metadata() {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Some("there is none"),
        Ok(found) if setting == "WorkingDirectory=" => (!found.is_dir()).then_some("it is no folder"),
        Ok(found) if matches!(setting, "ExecStart=" | "EnvironmentFile=") => {
            (!found.is_file()).then_some("it is no file")
        }
        Ok(_) | Err(_) => None,
    }
}

/// The files that systemd passes on to the daemon. `systemctl show` does not print them, but `cat` does.
pub(in crate::commands) fn passed_on() -> Vec<PassedOn> {
    systemctl(&["cat", "--no-pager", UNIT]).map(|text| passed_on_by(&text)).unwrap_or_default()
}

fn passed_on_by(text: &str) -> Vec<PassedOn> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if !matches!(key, "LoadCredential" | "LoadCredentialEncrypted") {
            continue;
        }
        if value.is_empty() {
            found.clear();
            continue;
        }
        let (name, source) =
            value.split_once(':').map_or((value, None), |(name, source)| (name, Some(source)));
        let source = source.map(PathBuf::from).filter(|source| source.is_absolute());
        found.push(PassedOn { name: name.into(), source });
    }
    found
}

/// The words of a list as systemctl prints it: those with blanks in quotation marks.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    // With room for all: a word that grows leaves copies behind, and it may be a secret.
    let begun = || String::with_capacity(text.len());
    let (mut word, mut quoted) = (None::<String>, false);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_with(begun);
            }
            '\\' => word.get_or_insert_with(begun).extend(chars.next()),
            blank if blank.is_ascii_whitespace() && !quoted => words.extend(word.take()),
            char => word.get_or_insert_with(begun).push(char),
        }
    }
    words.extend(word);
    words
}

/// The assignments in an environment file (systemd.exec(5), `EnvironmentFile=`), without quotation marks.
fn assignments(text: &str) -> Vec<Zeroizing<String>> {
    let whole = Zeroizing::new(text.replace("\\\n", ""));
    let lines = whole.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let unquoted = |value: &str| {
        let inner = ['"', '\''].iter().find_map(|mark| value.strip_prefix(*mark)?.strip_suffix(*mark));
        inner.unwrap_or(value).to_owned()
    };
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| Zeroizing::new(format!("{}={}", name.trim(), unquoted(value.trim())))).collect()
}

/// Whether both paths lead to one file, or are the same.
pub(in crate::commands) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.into());
    real(one) == real(other)
}

#[cfg(test)]
mod tests;
