//! The numbers of users and groups on this board, from /etc/passwd and /etc/group (passwd(5), group(5)). Not from the
//! name service switch, which would load plugins into this static program.

use std::fmt;
use std::path::Path;

use node_core::plain;

use super::bounded;

/// Users and groups as they were when they were read.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    passwd: List,
    group: List,
}

/// One of the files.
#[derive(Debug, Default)]
struct List {
    text: String,
    /// Why it could not be read.
    fault: Option<String>,
}

impl Accounts {
    /// Reads the system's accounts. What is wrong with one of the files takes nothing of the other away.
    pub(crate) fn read() -> Self {
        Self::read_from(Path::new("/etc"))
    }

    fn read_from(etc: &Path) -> Self {
        Self { passwd: List::read(&etc.join("passwd")), group: List::read(&etc.join("group")) }
    }

    /// Sentences without a full stop about the files that could not be read.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &str> {
        [&self.passwd, &self.group].into_iter().filter_map(|list| list.fault.as_deref())
    }

    /// Whether all users are known.
    pub(crate) fn knows_users(&self) -> bool {
        self.passwd.fault.is_none()
    }

    /// Whether all groups are known.
    pub(crate) fn knows_groups(&self) -> bool {
        self.group.fault.is_none()
    }

    /// The number of the user called `name`.
    pub(crate) fn user(&self, name: &str) -> Option<u32> {
        line(&self.passwd.text, name)?.nth(1)?.parse().ok()
    }

    /// The name of the user `id`.
    pub(crate) fn name_of(&self, id: u32) -> Option<&str> {
        let mut lines = self.passwd.text.lines().map(|line| line.split(':'));
        let found =
            lines.find(|fields| fields.clone().nth(2).and_then(|field| field.parse().ok()) == Some(id));
        found?.next()
    }

    /// The home of the user called `name`.
    pub(crate) fn home_of(&self, name: &str) -> Option<&str> {
        line(&self.passwd.text, name)?.nth(4).filter(|home| home.starts_with('/'))
    }

    /// The name of the first user who is a person, as far as numbers tell (login.defs(5)).
    pub(crate) fn first_person(&self) -> Option<&str> {
        let mut lines = self.passwd.text.lines().map(|line| line.split(':'));
        let is_person = |id: &str| id.parse().is_ok_and(|id: u32| (1000..60000).contains(&id));
        lines.find(|fields| fields.clone().nth(2).is_some_and(is_person))?.next()
    }

    /// The group that every process of the user called `name` has.
    pub(crate) fn primary_group(&self, name: &str) -> Option<u32> {
        line(&self.passwd.text, name)?.nth(2)?.parse().ok()
    }

    /// The groups in which the user called `name` is listed.
    pub(crate) fn groups_of(&self, name: &str) -> Vec<u32> {
        let lines = self.group.text.lines().map(|line| line.split(':'));
        let listed = lines.filter(|fields| {
            fields.clone().nth(3).is_some_and(|list| list.split(',').any(|member| member.trim() == name))
        });
        listed.filter_map(|mut fields| fields.nth(2)?.parse().ok()).collect()
    }

    /// The number of the group called `name`, and those of the users that are listed in it.
    pub(crate) fn group(&self, name: &str) -> Option<(u32, Vec<u32>)> {
        let mut rest = line(&self.group.text, name)?;
        let id = rest.nth(1)?.parse().ok()?;
        Some((id, self.members(rest.next())))
    }

    /// The numbers of the users that are listed in the group `id`; none where there is no such group.
    pub(crate) fn members_of(&self, id: u32) -> Vec<u32> {
        let lines = self.group.text.lines().map(|line| line.split(':'));
        let mut found =
            lines.filter(|fields| fields.clone().nth(2).and_then(|field| field.parse().ok()) == Some(id));
        self.members(found.next().and_then(|mut fields| fields.nth(3)))
    }

    fn members(&self, list: Option<&str>) -> Vec<u32> {
        // A name that is no user of this board is left out: such a user cannot call.
        list.unwrap_or_default().split(',').filter_map(|name| self.user(name.trim())).collect()
    }
}

impl List {
    fn read(path: &Path) -> Self {
        let fault = |why: &dyn fmt::Display| Self {
            text: String::new(),
            fault: Some(format!("{} {why}", path.display())),
        };
        let bytes = match bounded::read(path, bounded::MAX_TEXT) {
            Ok(bytes) => bytes,
            Err(why) => return fault(&format_args!("cannot be read: {why}")),
        };
        match plain::bytes(&bytes) {
            Ok(text) => Self { text: String::from_utf8_lossy(text).into_owned(), fault: None },
            Err(why) => fault(&why),
        }
    }
}

/// The name of the user `id`, else the number.
pub(crate) fn name_or_number(id: u32) -> String {
    let accounts = Accounts::read();
    accounts.name_of(id).map_or_else(|| id.to_string(), ToOwned::to_owned)
}

/// The fields that follow `name` in its line.
fn line<'a>(file: &'a str, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    file.lines().find_map(|line| {
        let mut fields = line.split(':');
        // A name that begins with a sign refers to another source (nsswitch.conf(5), "compat").
        (fields.next() == Some(name) && !name.is_empty() && !name.starts_with(['+', '-', '#']))
            .then_some(fields)
    })
}

#[cfg(test)]
impl Accounts {
    /// Accounts from files with this text.
    pub(crate) fn of(passwd: &str, group: &str) -> Self {
        let list = |text: &str| List { text: text.into(), fault: None };
        Self { passwd: list(passwd), group: list(group) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000:,,,:/home/pi:/bin/bash\n\
        broken:x:many:1:::\n+nis::::::\nshort:x\nvoice:x:1001:44::/:/bin/false";
    const GROUP: &str =
        "root:x:0:\njarvis:x:990:pi,voice,nobody-here\nempty:x:991:\nbroken:x:y:pi\nshort:x:992\n";

    #[test]
    fn account_is_found_by_its_whole_name_in_a_sound_line() {
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
        assert_eq!((accounts.name_of(1000), accounts.name_of(7)), (Some("pi"), None));
        assert_eq!((accounts.primary_group("voice"), accounts.primary_group("ghost")), (Some(44), None));
        assert_eq!((accounts.groups_of("pi"), accounts.groups_of("root")), (vec![990], vec![]));
        assert!(accounts.members_of(7).is_empty());
    }

    #[test]
    fn fault_of_one_file_takes_nothing_of_the_other() {
        let dir = tempfile::tempdir().expect("a folder");
        let read = || Accounts::read_from(dir.path());
        fs::write(dir.path().join("passwd"), b"caf\xe9:x:5:5::/:/x\npi:x:1000:1000::/:/x\n")
            .expect("written");
        let without_group = read();
        assert_eq!(without_group.user("pi"), Some(1000), "not all of it is UTF-8");
        assert!(without_group.knows_users() && !without_group.knows_groups());
        fs::write(dir.path().join("group"), GROUP).expect("written");
        assert_eq!(read().faults().count(), 0);
        let crlf = format!("\u{feff}{}", PASSWD.replace('\n', "\r\n"));
        fs::write(dir.path().join("passwd"), crlf).expect("written");
        assert_eq!(read().user("root"), Some(0));
        fs::write(dir.path().join("passwd"), "root:x:0:0\0").expect("written");
        let damaged = read();
        let faults: Vec<_> = damaged.faults().collect();
        assert!(
            faults.len() == 1
                && faults[0]
                    .ends_with("has a NUL byte on line 1, as a power cut or a failing card can leave"),
            "{faults:?}"
        );
        assert_eq!((damaged.user("root"), damaged.group("empty")), (None, Some((991, Vec::new()))));
    }

    #[test]
    fn accounts_of_this_system_can_be_read() {
        assert_eq!(Accounts::read().user("root"), Some(0));
    }
}
