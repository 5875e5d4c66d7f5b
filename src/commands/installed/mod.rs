//! The daemon as it is installed on this board: the user it runs as, and what its unit keeps from it. A check by root
//! is made as that user: root may read and write what the daemon may not.

mod programs;
mod sandbox;
mod unit;

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(super) use self::programs::{printed_by, systemctl};
use self::sandbox::{Kept, Sandbox};
pub(super) use self::unit::{PassedOn, UNIT, Unit, is_same, passed_on};
use crate::broker;
use crate::config::{Config, Indicators, Led};
use crate::daemon::metrics;
use crate::error::Warning;
use crate::files::durable::folder;
use crate::files::state;
use crate::files::status::Record;
use crate::led_pin;
use crate::system::accounts::Accounts;
use node_core::trouble::Trouble;

/// The installed daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Installed {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// Whether it is root without root's rights.
    is_powerless: bool,
    sandbox: Sandbox,
}

/// The user that a check has to be made as.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckUser {
    /// The one that runs this program.
    Own,
    /// A daemon's.
    Daemon(Installed),
    /// One that cannot be told, for this reason.
    Unknown(String),
}

impl Installed {
    /// The daemon that keeps its state in `state_folder`: as its unit says, else as the folder's owner.
    pub(super) fn find(unit: &io::Result<Option<Unit>>, state_folder: &Path) -> CheckUser {
        if !rustix::process::geteuid().is_root() {
            return CheckUser::Own;
        }
        let accounts = Accounts::read();
        if let Some(fault) = accounts.faults().next() {
            return CheckUser::Unknown(fault.to_owned());
        }
        match unit {
            Ok(Some(unit)) => Self::of_unit(unit, &accounts),
            Ok(None) => Self::of_folder(state_folder, &accounts),
            Err(why) => CheckUser::Unknown(format!("systemctl does not say whose the unit is: {why}")),
        }
    }

    fn of_folder(folder: &Path, accounts: &Accounts) -> CheckUser {
        let owner = match folder.metadata() {
            Ok(owner) => owner,
            Err(why) => {
                let folder = folder.display();
                return CheckUser::Unknown(format!(
                    "no unit is installed, and {folder} has no owner to go by: {why}"
                ));
            }
        };
        if owner.uid() == 0 {
            return CheckUser::Own;
        }
        let name = accounts.name_of(owner.uid());
        let gid = name.and_then(|name| accounts.primary_group(name)).unwrap_or(owner.gid());
        let groups = name.map(|name| accounts.groups_of(name)).unwrap_or_default();
        CheckUser::Daemon(Self {
            uid: owner.uid(),
            gid,
            groups,
            is_powerless: false,
            sandbox: Sandbox::default(),
        })
    }

    fn of_unit(unit: &Unit, accounts: &Accounts) -> CheckUser {
        if unit.value("DynamicUser") == "yes" {
            return CheckUser::Unknown("the unit has another user at each start (DynamicUser=)".into());
        }
        let own_root =
            ["RootDirectory", "RootImage"].into_iter().find(|key| !matches!(unit.value(key), "" | "/"));
        if let Some(setting) = own_root {
            return CheckUser::Unknown(format!("the unit gives the daemon other files ({setting}=)"));
        }
        let sandbox = Sandbox::of(unit);
        let user = match unit.value("User") {
            "" => "root",
            user => user,
        };
        let group = |name: &str| name.parse().ok().or_else(|| accounts.group(name).map(|(id, _)| id));
        let uid = if user == "root" { Some(0) } else { user.parse().ok().or_else(|| accounts.user(user)) };
        let name = uid.and_then(|uid| accounts.name_of(uid)).unwrap_or(user);
        let unknown = |setting: &str, name: &str| {
            CheckUser::Unknown(format!(
                "this board has no {name}, which the unit names ({setting}=), so systemd cannot start it"
            ))
        };
        let Some(uid) = uid else { return unknown("User", user) };
        let gid = match unit.value("Group") {
            "" => accounts.primary_group(name).or((uid == 0).then_some(0)),
            named => match group(named) {
                None => return unknown("Group", named),
                found => found,
            },
        };
        let Some(gid) = gid else { return unknown("User", &format!("group of user {user}")) };
        let mut groups = accounts.groups_of(name);
        for name in unit.words("SupplementaryGroups") {
            let Some(gid) = group(&name) else { return unknown("SupplementaryGroups", &name) };
            groups.push(gid);
        }
        CheckUser::Daemon(Self { uid, gid, groups, is_powerless: unit.makes_root_powerless(), sandbox })
    }

    /// The daemon's user.
    pub(super) const fn uid(&self) -> u32 {
        self.uid
    }

    /// Makes the rest of this thread run as the daemon's user.
    ///
    /// # Errors
    /// When the system does not allow it.
    #[cfg(target_os = "linux")]
    pub(super) fn become_its_user(&self) -> io::Result<()> {
        use rustix::process::{Gid, Uid};
        use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
        use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
        // Locked memory is limited for that user, and an allocation beyond the limit would fail.
        rustix::mm::munlockall()?;
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        if self.is_powerless {
            let none = CapabilitySet::empty();
            set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn become_its_user(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The trouble with a file, named in this place, that the unit hides from the daemon. To be asked before [`Self::become_its_user`]: root
    /// sees where a link leads.
    pub(super) fn hidden(&self, path: &Path, named_in: &str) -> Option<Trouble> {
        let Kept { place, setting } = self.sandbox.hides(path)?;
        let shown = path.display();
        let hidden = if path == place {
            format!("the unit hides {shown} from the daemon")
        } else {
            let lies = if path.starts_with(&place) { "is" } else { "leads to a place" };
            format!("{shown} {lies} in {}, which the unit hides from the daemon", place.display())
        };
        Some(Trouble::setup(
            format_args!("{hidden} ({setting})"),
            format_args!("Move it to /etc/jarvis-node-agent, and name it there in {named_in}."),
        ))
    }

    /// Whether the unit puts a file at `path` that only the daemon sees.
    pub(super) fn brings(&self, path: &Path) -> bool {
        self.sandbox.brings(path)
    }

    /// What the daemon will not be able to do, though its verdict does not depend on it. To be asked after
    /// [`Self::become_its_user`].
    pub(super) fn warnings(&self, config: &Config) -> Vec<Warning> {
        let socket = config.broker.as_ref().map(|broker| broker.socket.as_path());
        let Indicators { status_file, metrics_file, led, .. } = &config.indicators;
        let (status, metrics) = (status_file.as_deref(), metrics_file.as_deref());
        let written = [
            self.unwritable("state_file", "state_file", &config.state_file, state::warning),
            status.and_then(|path| self.unwritable("status_file", "status_file", path, Record::warning)),
            metrics.and_then(|path| self.unwritable("metrics_file", "metrics_file", path, metrics::warning)),
            socket.and_then(|path| {
                self.unwritable("broker_socket", "broker.socket", path, broker::socket_warning)
            }),
        ];
        written.into_iter().flatten().chain(self.led_warning(led)).collect()
    }

    /// The warning about a file of the daemon's own, the value of `key`: what `judge` finds, else what the unit forbids.
    fn unwritable(
        &self,
        code: &'static str,
        key: &str,
        path: &Path,
        judge: fn(&Path) -> Option<Warning>,
    ) -> Option<Warning> {
        let folder = folder(path);
        if self.is_made_at_the_start(folder) {
            return None;
        }
        judge(path).or_else(|| {
            let hidden = self.sandbox.hides(path).map(|kept| ("hides", "from", kept));
            let read_only = || Some(("makes", "read-only for", self.sandbox.makes_read_only(folder)?));
            let (does, to, Kept { setting, .. }) = hidden.or_else(read_only)?;
            let (path, folder) = (path.display(), folder.display());
            Some(Warning::new(
                code,
                format!("{path} cannot be written: the unit {does} {folder} {to} the daemon ({setting})"),
                format!(
                    "Set {key} to a path in a folder that the unit gives to the daemon: /var/lib/jarvis-node-agent, or \
                     /run/jarvis-node-agent for what need not last."
                ),
            ))
        })
    }

    /// Whether systemd makes this folder, which is not there yet, when it starts the daemon.
    fn is_made_at_the_start(&self, folder: &Path) -> bool {
        let made = ["/var/lib/jarvis-node-agent", "/run/jarvis-node-agent"];
        !folder.exists() && made.iter().any(|made| folder == Path::new(made))
    }

    fn led_warning(&self, led: &Led) -> Option<Warning> {
        if let Err(why) = led_pin::check(led) {
            return Some(why.to_warning());
        }
        let files = led_pin::files(led);
        let hidden = files.iter().find_map(|file| Some((file, self.sandbox.hides(file)?)));
        if let Some((file, Kept { setting, .. })) = hidden {
            let message = format!("the unit hides {} from the daemon ({setting})", file.display());
            return Some(Warning::new(
                "led",
                message,
                format!("Take {setting} out of the unit: sudo systemctl edit {UNIT}"),
            ));
        }
        // A device is opened for writing on a read-only file system, too.
        let written = if matches!(led, Led::Sysfs(_)) { files.as_slice() } else { &[] };
        let read_only = written.iter().find(|file| self.sandbox.makes_read_only(file).is_some());
        read_only.map(|file| led_pin::read_only(file).to_warning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::of(
            "root:x:0:0::/:/x\njarvis-node-agent:x:990:991::/:/x\n",
            "gpio:x:997:\njarvis-node-agent:x:991:\nspi:x:999:pi,jarvis-node-agent\n",
        )
    }

    fn of_unit(rest: &str) -> CheckUser {
        let unit = Unit::of(&format!("LoadState=loaded\n{rest}")).expect("loaded");
        Installed::of_unit(&unit, &accounts())
    }

    #[track_caller]
    fn daemon(rest: &str) -> (u32, u32, Vec<u32>) {
        let CheckUser::Daemon(daemon) = of_unit(rest) else { panic!("no daemon: {rest}") };
        (daemon.uid, daemon.gid, daemon.groups)
    }

    #[test]
    fn unit_tells_user_and_groups() {
        for (shown, user) in [
            (
                "User=jarvis-node-agent\nGroup=jarvis-node-agent\nSupplementaryGroups=gpio\n",
                (990, 991, vec![999, 997]),
            ),
            ("User=990\nGroup=\n", (990, 991, vec![999])),
            // No entry is needed.
            ("User=4242\nGroup=gpio\n", (4242, 997, vec![])),
            ("User=\n", (0, 0, vec![])),
            ("User=root\n", (0, 0, vec![])),
            ("User=0\n", (0, 0, vec![])),
        ] {
            assert_eq!(daemon(shown), user, "{shown}");
        }
    }

    #[test]
    fn unit_whose_user_or_files_cannot_be_had_is_told() {
        for unknown in [
            "User=ghost\nGroup=\n",
            "User=4242\nGroup=\n",
            "User=ghost\nGroup=gpio\n",
            "User=jarvis-node-agent\nGroup=ghosts\n",
            "User=jarvis-node-agent\nSupplementaryGroups=spi i2c\n",
            "DynamicUser=yes\nUser=jarvis-node-agent\n",
            "User=jarvis-node-agent\nRootDirectory=/srv/root\n",
        ] {
            assert!(matches!(of_unit(unknown), CheckUser::Unknown(_)), "{unknown}");
        }
    }
}
