//! An update of the node that the home has handed out, and the file by which the daemon leaves it to a program with more
//! rights. It comes from the network, so nothing of it may become a path, an option or a word that a shell would read.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use node_core::time::Instant;
use serde_json::Value;

use crate::files::{bounded, durable};

/// The folder of the daemon's runtime files unless the service manager names another.
const RUNTIME_FOLDER: &str = "/run/jarvis-node-agent";
/// The request that was left last, in the runtime folder.
const REQUEST: &str = "update.request";
/// The one that was taken last.
const TAKEN: &str = "update.taken";
/// How long whoever takes requests has for it: on a board at work, seconds are usual.
const PATIENCE: Duration = Duration::from_secs(60);

/// An update that the home wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The version: letters, digits, `.`, `+`, `-` and `_`, not first one of these signs. `None`: it is none.
    pub version: Option<String>,
    /// The home's name for it: letters, digits and `-`.
    pub task_id: String,
}

impl Update {
    /// The update in `body`, an answer to a heartbeat. What cannot be reported on is none.
    pub(super) fn in_answer(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let update = answer.get("pending_update")?;
        let text = |key| update.get(key).and_then(Value::as_str);
        Self::of(text("target_version").unwrap_or_default(), text("task_id")?)
    }

    fn of(version: &str, task_id: &str) -> Option<Self> {
        let version = is_word(version, b".+-_").then(|| version.to_owned());
        is_word(task_id, b"-").then(|| Self { version, task_id: task_id.to_owned() })
    }

    /// Leaves it as a request in `folder` at the time `now`, unless it lies there already or was taken from there. A home
    /// hands out one update at a time: another request there is one that it has given up.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn leave(&self, folder: &Path, now: Instant) -> io::Result<()> {
        for name in [TAKEN, REQUEST] {
            if read(&folder.join(name)).is_some_and(|known| known.update.task_id == self.task_id) {
                return Ok(());
            }
        }
        let version = self.version.as_deref().unwrap_or_default();
        let text = format!("{version}\n{}\n{}\n", self.task_id, now.as_millis());
        durable::replace_public(&folder.join(REQUEST), text.as_bytes())
    }

    /// Takes the request in `folder` away if at the time `now` it has lain there for a minute, or does not say since when;
    /// `None` if there is none, or one that is younger.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn take_overdue(folder: &Path, now: Instant) -> io::Result<Option<Self>> {
        let left = read(&folder.join(REQUEST)).and_then(|request| request.left);
        if left.is_some_and(|left| left <= now && now.since(left) < PATIENCE) {
            return Ok(None);
        }
        Self::take(folder)
    }

    /// Takes the request in `folder` away; `None` if there is none, or it was taken before.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn take(folder: &Path) -> io::Result<Option<Self>> {
        let (request, taken) = (folder.join(REQUEST), folder.join(TAKEN));
        let (update, before) = (read(&request), read(&taken));
        match fs::rename(request, taken) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
            Ok(()) => {
                let task_before = before.map(|taken| taken.update.task_id);
                Ok(update
                    .map(|taken| taken.update)
                    .filter(|update| Some(&update.task_id) != task_before.as_ref()))
            }
        }
    }
}

/// What a file of a request says.
struct Request {
    update: Update,
    /// When it was left. Another program may have left it without, or this one in an earlier version.
    left: Option<Instant>,
}

/// Where requests are left.
pub(crate) fn runtime_folder() -> PathBuf {
    let named = env::var_os("RUNTIME_DIRECTORY").unwrap_or_default();
    env::split_paths(&named).next().filter(|path| path.is_absolute()).unwrap_or_else(|| RUNTIME_FOLDER.into())
}

/// The request in a file. Another program may have put anything there.
fn read(path: &Path) -> Option<Request> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let text = bounded::read_text("request", path).ok().filter(|_| is_file)?;
    let mut lines = text.lines();
    let update = Update::of(lines.next()?, lines.next()?)?;
    Some(Request { update, left: lines.next().and_then(|text| text.parse().ok()).map(Instant::from_millis) })
}

/// Whether `text` is 1 to 64 letters, digits and `signs`, and begins with a letter or a digit.
fn is_word(text: &str, signs: &[u8]) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn update_is_read_only_if_each_part_is_a_word() {
        let read = |version: &str, task: &str| {
            let body = format!(
                r#"{{"status":"ok","pending_update":{{"target_version":{version},"task_id":{task}}}}}"#
            );
            Update::in_answer(body.as_bytes()).map(|update| update.version)
        };
        assert_eq!(read(r#""1.2.3-rc.1+b_2""#, r#""aaaa-1""#), Some(Some("1.2.3-rc.1+b_2".into())));
        for bad in [
            r#""""#,
            r#""-1""#,
            r#"".1""#,
            r#""1/2""#,
            r#""1 2""#,
            r#""$(id)""#,
            r#""1;2""#,
            r#""1\n2""#,
            "1",
            "null",
        ] {
            assert_eq!(read(bad, r#""t""#), Some(None), "{bad}");
            assert_eq!(read(r#""1""#, bad), None, "{bad}");
        }
        for body in [
            "",
            "[]",
            r#"{"pending_update":null}"#,
            r#"{"pending_update":"1.2.3"}"#,
            r#"{"pending_update":{}}"#,
        ] {
            assert_eq!(Update::in_answer(body.as_bytes()), None, "{body}");
        }
        assert!(!is_word(&"1".repeat(65), b"") && is_word(&"1".repeat(64), b""));
    }

    #[test]
    fn request_is_taken_once_however_often_it_is_left() {
        let dir = tempfile::tempdir().expect("a folder");
        let update = |task| Update::of("1.2.3", task).expect("an update");
        assert_eq!(Update::take(dir.path()).expect("none"), None);
        update("a").leave(dir.path(), Instant::default()).expect("left");
        assert_eq!(Update::take(dir.path()).expect("taken"), Some(update("a")));
        update("a").leave(dir.path(), Instant::default()).expect("left again");
        assert_eq!(Update::take(dir.path()).expect("none"), None);
        update("b").leave(dir.path(), Instant::default()).expect("left");
        assert_eq!(Update::take(dir.path()).expect("taken"), Some(update("b")));
        // Put there by another program.
        for text in ["1.2.3\nb\n", "1.2.3\n../b\n", "", "1.2.3"] {
            fs::write(dir.path().join(REQUEST), text).expect("written");
            assert_eq!(Update::take(dir.path()).expect("taken"), None, "{text}");
            assert!(!dir.path().join(REQUEST).exists(), "{text}");
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join(REQUEST)).expect("linked");
        assert_eq!(Update::take(dir.path()).expect("taken"), None);
    }

    #[test]
    fn request_is_overdue_when_nobody_took_it_for_a_minute() {
        let dir = tempfile::tempdir().expect("a folder");
        let update = Update::of("1.2.3", "a").expect("an update");
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        let overdue = |secs| Update::take_overdue(dir.path(), at(secs)).expect("a folder that can be read");
        assert_eq!(overdue(0), None);
        update.leave(dir.path(), at(100)).expect("left");
        // Handed out again, it is as old as before.
        update.leave(dir.path(), at(130)).expect("left again");
        assert_eq!(overdue(159), None);
        assert_eq!(overdue(160), Some(update.clone()));
        assert_eq!(overdue(1000), None);
        // Without a time, with one that is none, and with one to come.
        for (task, line) in [("b", ""), ("c", "soon"), ("d", "100001")] {
            fs::write(dir.path().join(REQUEST), format!("1.2.3\n{task}\n{line}\n")).expect("written");
            assert_eq!(overdue(100).map(|update| update.task_id), Some(task.into()), "{line}");
        }
    }
}
