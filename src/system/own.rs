//! Which files are the node's own, so that a fix may change their owner or mode. Others may need any other file as it is.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::accounts::Accounts;
use super::failure::{closed_folder, fix, is_shut_by_unit, is_systems, own_user, shell_word, shut_by_unit};
use super::way;
use rustix::fs::Access;
use rustix::io::Errno;

/// The user that the unit names, and the folders that install.sh makes for it.
const USER: &str = "jarvis-node-agent";
const FOLDERS: [&str; 2] = ["/etc/jarvis-node-agent", "/var/lib/jarvis-node-agent"];

/// In a mode: what the group may do.
const GROUP: u32 = 0o070;

/// Whether the file or folder at `path` is the node's own. It is not if a link leads to it. Elsewhere than in the node's
/// folders it is not if it lies in a folder of the system, belongs to another user, or is for a group.
pub(crate) fn is_nodes(path: &Path) -> bool {
    let way = way::to(path);
    if way.iter().any(|place| place.is_symlink()) {
        return false;
    }
    let real = way.last().map_or(path, PathBuf::as_path);
    FOLDERS.iter().any(|folder| real.starts_with(folder))
        || (!is_systems(real) && fs::metadata(real).is_ok_and(|found| is_private(&found)))
}

/// Whether no other user, and no group of several, can need it.
fn is_private(found: &fs::Metadata) -> bool {
    let (accounts, owner) = (Accounts::read(), found.uid());
    let is_ours =
        owner == 0 || owner == rustix::process::geteuid().as_raw() || accounts.user(USER) == Some(owner);
    let own_group = accounts.name_of(owner).and_then(|name| accounts.primary_group(name));
    is_ours && (found.mode() & GROUP == 0 || found.gid() == 0 || own_group == Some(found.gid()))
}

/// What helps if the node cannot use the file at `path` as it is, and others may need it so: a copy of the node's own,
/// with this mode.
pub(crate) fn fix_by_copy(path: &Path, mode: &str) -> String {
    let way = way::to(path);
    let real = way.last().map_or(path, PathBuf::as_path);
    let name = real.file_name().map(Path::new).unwrap_or(Path::new("copy"));
    let named = Path::new(FOLDERS[0]).join(name);
    // A file of that name may be another one that is in use.
    let copy = if named.exists() && named != path {
        PathBuf::from(format!("{}.copy", named.display()))
    } else {
        named
    };
    format!(
        "Others may need it as it is: give the node a copy of its own, to use in its place: sudo install -m {mode} -o {} {} {}",
        own_user(),
        shell_word(real),
        shell_word(&copy)
    )
}

/// What helps when the file at `path`, the value of `key`, could not be replaced because of `why`.
pub(crate) fn fix_writing(why: &io::Error, path: &Path, key: &str) -> String {
    let user = own_user();
    let folder = path.parent().unwrap_or(path);
    let other = format!("Set {key} to a path in a folder of user {user}, such as /var/lib/jarvis-node-agent");
    match Errno::from_io_error(why) {
        Some(Errno::NOENT) => {
            format!("Correct {key}, or make its folder: sudo install -d -o {user} {}", shell_word(folder))
        }
        Some(Errno::ACCESS | Errno::PERM) => match closed_folder(path) {
            Some(closed) if is_shut_by_unit(&closed) => {
                format!("Correct {key}: {}.", shut_by_unit(&closed))
            }
            Some(closed) if is_nodes(&closed) => format!(
                "Correct {key}, or let user {user} into the folder: sudo chmod a+x {}",
                shell_word(&closed)
            ),
            Some(_) => format!("{other}."),
            None => {
                let is_open = rustix::fs::access(folder, Access::WRITE_OK).is_ok();
                let wrong = if is_open { path } else { folder };
                if is_nodes(wrong) {
                    format!("{other}, or: sudo chown {user} {}", shell_word(wrong))
                } else {
                    format!("{other}.")
                }
            }
        },
        _ => fix(why, path).unwrap_or_else(|| format!("Set {key} to a path of its own.")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn file_that_others_may_need_is_not_the_nodes() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = fs::canonicalize(dir.path()).expect("there");
        let (key, link) = (dir.join("app.key"), dir.join("link"));
        fs::write(&key, "abc").expect("written");
        symlink(&key, &link).expect("linked");
        symlink(&dir, dir.join("folder")).expect("linked");
        for (path, nodes) in [
            (key.as_path(), true),
            (&link, false),
            (&dir.join("folder/app.key"), false),
            (Path::new("/etc/passwd"), false),
            (Path::new("/etc/jarvis-node-agent/app.key"), true),
            (Path::new("/etc/jarvis-node-agent/../passwd"), false),
            (Path::new("/var/lib/jarvis-node-agent"), true),
            (Path::new("/root/app.key"), false),
            (Path::new("/run/credentials/x.service/app.key"), false),
            (Path::new("/"), false),
        ] {
            assert_eq!(is_nodes(path), nodes, "{}", path.display());
        }
    }

    #[test]
    fn file_of_another_user_or_for_a_group_is_not_the_nodes() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = dir.path().join("app.key");
        fs::write(&key, "abc").expect("written");
        let found = |mode| {
            fs::set_permissions(&key, Permissions::from_mode(mode)).expect("mode set");
            fs::metadata(&key).expect("there")
        };
        assert!(is_private(&found(0o644)));
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let give = |user, group| std::os::unix::fs::chown(&key, user, group).expect("given");
        // Numbers that no account of the board has.
        give(None, Some(54_321));
        assert!(!is_private(&found(0o640)));
        assert!(is_private(&found(0o604)));
        give(Some(54_321), Some(0));
        assert!(!is_private(&found(0o600)));
    }

    #[test]
    fn writing_is_mended_without_giving_away_what_others_have() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = fs::canonicalize(dir.path()).expect("there");
        let fix = |errno: Errno, path: &Path| fix_writing(&errno.into(), path, "state_file");
        let ours = dir.join("state.json");
        fs::write(&ours, "").expect("written");
        for (errno, says) in [
            (Errno::NOENT, "sudo install -d -o"),
            (Errno::ACCESS, "sudo chown"),
            (Errno::PERM, "sudo chown"),
            (Errno::ISDIR, "Set state_file to a path of its own."),
            (Errno::NOSPC, "`df "),
        ] {
            assert!(fix(errno, &ours).contains(says), "{errno}: {}", fix(errno, &ours));
        }
        let mut others = vec![PathBuf::from("/etc/passwd")];
        if rustix::process::geteuid().is_root() {
            // Of a number that no account of the board has.
            std::os::unix::fs::chown(&ours, Some(54_321), None).expect("given");
            others.push(ours);
        }
        for other in others {
            let said = fix(Errno::ACCESS, &other);
            assert!(said.starts_with("Set state_file") && !said.contains("sudo"), "{said}");
        }
    }

    #[test]
    fn copy_is_made_of_what_a_link_leads_to() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = fs::canonicalize(dir.path()).expect("there");
        symlink(dir.join("own key"), dir.join("link")).expect("linked");
        let fix = fix_by_copy(&dir.join("link"), "600");
        let command = format!(" '{}/own key' '/etc/jarvis-node-agent/own key'", dir.display());
        assert!(fix.contains("sudo install -m 600 -o ") && fix.ends_with(&command), "{fix}");
    }
}
