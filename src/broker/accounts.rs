//! Who has which number on this board, by /etc/passwd and /etc/group (passwd(5), group(5)). Not by the name
//! service switch: in a static program that would load plugins at run time.

use std::path::Path;
use std::{fs, io};

/// Users and groups as they were when they were read.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    /// Reads the system's.
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub(super) fn read() -> io::Result<Self> {
        Self::read_from(Path::new("/etc"))
    }

    fn read_from(etc: &Path) -> io::Result<Self> {
        let read =
            |name: &str| Ok::<_, io::Error>(String::from_utf8_lossy(&fs::read(etc.join(name))?).into());
        Ok(Self { passwd: read("passwd")?, group: read("group")? })
    }

    /// The number of the user called `name`.
    pub(super) fn user(&self, name: &str) -> Option<u32> {
        line(&self.passwd, name)?.nth(1)?.parse().ok()
    }

    /// The number of the group called `name`, and those of the users that are listed in it.
    pub(super) fn group(&self, name: &str) -> Option<(u32, Vec<u32>)> {
        let mut rest = line(&self.group, name)?;
        let id = rest.nth(1)?.parse().ok()?;
        Some((id, self.members(rest.next())))
    }

    /// The numbers of the users that are listed in the group `id`; none where there is no such group.
    pub(super) fn members_of(&self, id: u32) -> Vec<u32> {
        let lines = self.group.lines().map(|line| line.split(':'));
        let mut found =
            lines.filter(|fields| fields.clone().nth(2).and_then(|field| field.parse().ok()) == Some(id));
        self.members(found.next().and_then(|mut fields| fields.nth(3)))
    }

    fn members(&self, list: Option<&str>) -> Vec<u32> {
        // One who is no user of this board cannot call either.
        list.unwrap_or_default().split(',').filter_map(|name| self.user(name.trim())).collect()
    }
}

/// What follows `name` in its line.
fn line<'a>(file: &'a str, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    file.lines().find_map(|line| {
        let mut fields = line.split(':');
        // A line that begins with a sign stands for another source (nsswitch.conf(5), "compat").
        (fields.next() == Some(name) && !name.is_empty() && !name.starts_with(['+', '-', '#']))
            .then_some(fields)
    })
}

#[cfg(test)]
impl Accounts {
    /// Accounts as in these files.
    pub(super) fn of(passwd: &str, group: &str) -> Self {
        Self { passwd: passwd.into(), group: group.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n\
        broken:x:many:1:::\n+nis::::::\nshort:x\nvoice:x:1001:44::/:/bin/false";
    const GROUP: &str =
        "root:x:0:\njarvis:x:990:pi,voice,nobody-here\nempty:x:991:\nbroken:x:y:pi\nshort:x:992\n";

    #[test]
    fn names_are_found_whole_and_only_in_sound_lines() {
        let accounts = Accounts::of(PASSWD, GROUP);
        for (name, id) in [
            ("root", Some(0)),
            ("pi", Some(1000)),
            ("voice", Some(1001)),
            ("p", None),
            ("PI", None),
            ("x", None),
            ("", None),
            ("broken", None),
            ("short", None),
            ("+nis", None),
        ] {
            assert_eq!(accounts.user(name), id, "{name}");
        }
        assert_eq!(accounts.group("jarvis"), Some((990, [1000, 1001].into())));
        assert_eq!(accounts.group("empty"), Some((991, Vec::new())));
        assert_eq!(accounts.group("short"), Some((992, Vec::new())));
        assert_eq!((accounts.group("broken"), accounts.group("pi")), (None, None));
        assert_eq!(accounts.members_of(990), [1000, 1001]);
        assert!(accounts.members_of(7).is_empty());
    }

    #[test]
    fn files_that_are_no_text_are_read_all_the_same_and_missing_ones_are_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("passwd"), b"caf\xe9:x:5:5::/:/x\npi:x:1000:1000::/:/x\n")
            .expect("written");
        Accounts::read_from(dir.path()).expect_err("no group file");
        fs::write(dir.path().join("group"), GROUP).expect("written");
        assert_eq!(Accounts::read_from(dir.path()).expect("read").user("pi"), Some(1000));
    }

    #[test]
    fn the_systems_own_can_be_read() {
        assert_eq!(Accounts::read().expect("read").user("root"), Some(0));
    }
}
