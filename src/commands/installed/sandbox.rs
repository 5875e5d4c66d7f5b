//! What the unit keeps from the daemon: files that it does not see, and files that it may not write to (systemd.exec(5),
//! "Sandboxing").

use std::path::{Path, PathBuf};

use super::unit::Unit;
use crate::system::way;

/// What a unit keeps from its daemon. Of two rules the one for the longer path counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sandbox {
    sight: Vec<Rule>,
    writing: Vec<Rule>,
}

/// What holds for a file or a folder and all below it.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    path: PathBuf,
    /// The setting of the unit that forbids it; `None` if it is allowed.
    forbidden_by: Option<&'static str>,
}

/// A place that the daemon cannot use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The folder or file that the setting is about.
    pub(super) place: PathBuf,
    /// As the unit has it, such as `ProtectHome=`.
    pub(super) setting: &'static str,
}

impl Sandbox {
    /// The sandbox of this unit.
    pub(super) fn of(unit: &Unit) -> Self {
        let mut sandbox = Self::default();
        let is_on = |key: &str| !matches!(unit.value(key), "" | "no");
        let paths = |key: &str| -> Vec<PathBuf> {
            let words = unit.words(key).into_iter();
            words.map(|word| PathBuf::from(word.trim_start_matches(['-', '+']))).collect()
        };
        let homes = ["/home", "/root", "/run/user"];
        match unit.value("ProtectHome") {
            "yes" | "tmpfs" => sandbox.hide(homes, "ProtectHome="),
            "read-only" => sandbox.forbid_writing(homes, "ProtectHome="),
            _ => {}
        }
        match unit.value("ProtectSystem") {
            "strict" => {
                sandbox.forbid_writing(["/"], "ProtectSystem=");
                sandbox.allow_writing(["/dev", "/proc", "/sys"]);
            }
            "full" => sandbox.forbid_writing(["/usr", "/boot", "/efi", "/etc"], "ProtectSystem="),
            "yes" => sandbox.forbid_writing(["/usr", "/boot", "/efi"], "ProtectSystem="),
            _ => {}
        }
        if is_on("ProtectKernelTunables") {
            sandbox.forbid_writing(["/sys"], "ProtectKernelTunables=");
        }
        if is_on("PrivateDevices") {
            sandbox.hide(["/dev"], "PrivateDevices=");
        }
        if is_on("PrivateTmp") {
            sandbox.hide(["/tmp", "/var/tmp"], "PrivateTmp=");
            sandbox.allow_writing(["/tmp", "/var/tmp"]);
        }
        sandbox.hide(paths("InaccessiblePaths"), "InaccessiblePaths=");
        let temporary = paths("TemporaryFileSystem").into_iter().map(|path| halves(&path).0);
        sandbox.hide(temporary, "TemporaryFileSystem=");
        sandbox.forbid_writing(paths("ReadOnlyPaths"), "ReadOnlyPaths=");
        for (key, parent) in [
            ("StateDirectory", "/var/lib"),
            ("RuntimeDirectory", "/run"),
            ("CacheDirectory", "/var/cache"),
            ("LogsDirectory", "/var/log"),
        ] {
            sandbox.allow_writing(paths(key).iter().map(|name| Path::new(parent).join(halves(name).0)));
        }
        sandbox.allow_writing(paths("ReadWritePaths"));
        let bound = |key: &str| paths(key).into_iter().map(|path| halves(&path).1).collect::<Vec<_>>();
        let (writable, read_only) = (bound("BindPaths"), bound("BindReadOnlyPaths"));
        sandbox.show(writable.iter().chain(&read_only));
        sandbox.allow_writing(&writable);
        sandbox.forbid_writing(&read_only, "BindReadOnlyPaths=");
        sandbox
    }

    /// What keeps the daemon from seeing the file at `path`, or one of the links that lead there.
    pub(super) fn hides(&self, path: &Path) -> Option<Kept> {
        let mut way = way::to(path);
        let file = way.pop()?;
        way.retain(|place| place.is_symlink());
        way.iter().chain([&file]).find_map(|place| forbidden(&self.sight, place))
    }

    /// Whether the daemon has a file at `path` only because the unit puts one there (`BindPaths=`, `BindReadOnlyPaths=`).
    pub(super) fn brings(&self, path: &Path) -> bool {
        self.sight.iter().any(|rule| rule.forbidden_by.is_none() && path.starts_with(&rule.path))
    }

    /// What keeps the daemon from writing to the file at `path`, whoever owns it.
    pub(super) fn makes_read_only(&self, path: &Path) -> Option<Kept> {
        forbidden(&self.writing, way::to(path).last()?)
    }

    fn hide(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>, setting: &'static str) {
        self.sight.extend(Rule::all(paths, Some(setting)));
    }

    fn show(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) {
        self.sight.extend(Rule::all(paths, None));
    }

    fn forbid_writing(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>, setting: &'static str) {
        self.writing.extend(Rule::all(paths, Some(setting)));
    }

    fn allow_writing(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) {
        self.writing.extend(Rule::all(paths, None));
    }
}

impl Rule {
    /// One for each path, where links have led to: systemd follows them as well.
    fn all(
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
        forbidden_by: Option<&'static str>,
    ) -> impl Iterator<Item = Self> {
        paths
            .into_iter()
            .filter_map(move |path| Some(Self { path: way::to(path.as_ref()).pop()?, forbidden_by }))
    }
}

/// What forbids the use of `place`. Of rules for one path the last one counts.
fn forbidden(rules: &[Rule], place: &Path) -> Option<Kept> {
    let that_hold = rules.iter().filter(|rule| place.starts_with(&rule.path));
    let Rule { path, forbidden_by } = that_hold.max_by_key(|rule| rule.path.components().count())?;
    forbidden_by.map(|setting| Kept { place: path.clone(), setting })
}

/// `SOURCE:DESTINATION:options`; the destination is the source where there is none.
fn halves(path: &Path) -> (PathBuf, PathBuf) {
    let text = path.to_string_lossy();
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or_default();
    (source.into(), parts.next().unwrap_or(source).into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn sandbox(settings: &str) -> Sandbox {
        Sandbox::of(&Unit::of(&format!("LoadState=loaded\n{settings}\n")).expect("loaded"))
    }

    #[test]
    fn file_is_hidden_by_the_setting_for_its_folder() {
        for (settings, path, by) in [
            ("ProtectHome=yes", "/home/pi/credential.json", Some("ProtectHome=")),
            ("ProtectHome=tmpfs", "/root/ca.pem", Some("ProtectHome=")),
            ("ProtectHome=read-only", "/root/ca.pem", None),
            ("ProtectHome=yes", "/homestead/app.key", None),
            ("PrivateTmp=yes", "/tmp/app.key", Some("PrivateTmp=")),
            ("PrivateTmp=disconnected", "/var/tmp/app.key", Some("PrivateTmp=")),
            ("PrivateTmp=no", "/tmp/app.key", None),
            ("InaccessiblePaths=-/srv \"/opt/my node\"", "/srv/app.key", Some("InaccessiblePaths=")),
            ("InaccessiblePaths=-/srv \"/opt/my node\"", "/opt/my node/app.key", Some("InaccessiblePaths=")),
            ("TemporaryFileSystem=/opt:ro /srv", "/opt/app.key", Some("TemporaryFileSystem=")),
            ("TemporaryFileSystem=/opt:ro\nBindReadOnlyPaths=/srv/k:/opt/k:rbind", "/opt/k/app.key", None),
            ("ProtectHome=tmpfs\nBindReadOnlyPaths=/home/pi/s:/home/pi/s:rbind", "/home/pi/s/app.key", None),
            ("PrivateDevices=yes", "/dev/gpiochip0", Some("PrivateDevices=")),
        ] {
            let hides = sandbox(settings).hides(Path::new(path));
            assert_eq!(hides.map(|kept| kept.setting), by, "{settings} {path}");
        }
    }

    #[test]
    fn file_behind_a_link_is_hidden_where_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = std::fs::canonicalize(dir.path()).expect("there");
        let [hidden, open] = ["hidden", "open"].map(|name| dir.join(name));
        [&hidden, &open].into_iter().for_each(|folder| std::fs::create_dir(folder).expect("made"));
        symlink(hidden.join("ca.pem"), open.join("ca.pem")).expect("linked");
        symlink(&hidden, open.join("keys")).expect("linked");
        symlink(open.join("app.key"), hidden.join("app.key")).expect("linked");
        let sandbox = sandbox(&format!("InaccessiblePaths={}", hidden.display()));
        for (path, is_hidden) in [
            ("open/ca.pem", true),
            ("open/keys/client.key", true),
            ("hidden/app.key", true),
            ("open/app.key", false),
        ] {
            assert_eq!(sandbox.hides(&dir.join(path)).is_some(), is_hidden, "{path}");
        }
    }

    #[test]
    fn longest_path_decides_what_may_be_written() {
        let strict = "ProtectSystem=strict\nProtectKernelTunables=yes\nPrivateTmp=yes\nStateDirectory=jarvis-node-agent\n\
            RuntimeDirectory=jarvis-node-agent:old\nReadWritePaths=-/sys/class/leds/ACT /srv/open\nReadOnlyPaths=/srv/open/not";
        for (settings, path, by) in [
            (strict, "/var/lib/jarvis-node-agent", None),
            (strict, "/run/jarvis-node-agent/more", None),
            (strict, "/sys/class/leds/ACT/brightness", None),
            (strict, "/sys/class/leds/PWR", Some("ProtectKernelTunables=")),
            (strict, "/srv", Some("ProtectSystem=")),
            (strict, "/srv/open/x", None),
            (strict, "/srv/open/not/x", Some("ReadOnlyPaths=")),
            (strict, "/tmp/x", None),
            ("ProtectSystem=strict", "/sys/class/leds/PWR", None),
            ("ProtectSystem=full", "/etc/jarvis-node-agent", Some("ProtectSystem=")),
            ("ProtectSystem=yes", "/etc/jarvis-node-agent", None),
            ("ProtectHome=read-only", "/home/pi/x", Some("ProtectHome=")),
            ("BindReadOnlyPaths=/srv", "/srv/x", Some("BindReadOnlyPaths=")),
            ("", "/usr/x", None),
        ] {
            let kept = forbidden(&sandbox(settings).writing, Path::new(path));
            assert_eq!(kept.map(|kept| kept.setting), by, "{settings} {path}");
        }
    }
}
